/// What a client needs of DHCP (RFC 2131) to get a lease.
enum DHCP {
    private static let serverPort: UInt16 = 67
    private static let clientPort: UInt16 = 68
    private static let udpSize = 8
    private static let messageSize = 300
    private static let optionsOffset = 240
    private static let magicCookie: UInt32 = 0x6382_5363
    private static let wantsBroadcast: UInt16 = 0x8000

    private enum Operation {
        static let request: UInt8 = 1
        static let reply: UInt8 = 2
    }

    /// RFC 2132.
    private enum Option {
        static let pad: UInt8 = 0
        static let mask: UInt8 = 1
        static let router: UInt8 = 3
        static let requestedAddress: UInt8 = 50
        static let messageKind: UInt8 = 53
        static let server: UInt8 = 54
        static let wanted: UInt8 = 55
        static let end: UInt8 = 255
    }

    static func write(_ frame: inout MutableSpan<UInt8>, host: Host, kind: UInt8, transaction: UInt32, lease: Host?)
        -> Int
    {
        let length = IPv4.write(
            &frame, host: host, hardwareAddress: Ethernet.broadcast, target: IPv4.broadcast, transport: .udp,
            count: udpSize + messageSize)
        // The UDP checksum stays 0, which means none (RFC 768).
        let udp = IPv4.payloadOffset
        frame.put(word: clientPort, at: udp)
        frame.put(word: serverPort, at: udp + 2)
        frame.put(word: UInt16(udpSize + messageSize), at: udp + 4)

        let message = udp + udpSize
        frame[message] = Operation.request
        frame[message + 1] = 1  // Ethernet
        frame[message + 2] = 6  // bytes of a hardware address
        frame.put(long: transaction, at: message + 4)
        frame.put(word: wantsBroadcast, at: message + 10)
        frame.put(hardwareAddress: host.mac, at: message + 28)
        frame.put(long: magicCookie, at: message + optionsOffset - 4)

        var place = message + optionsOffset
        frame[place] = Option.messageKind
        frame[place + 1] = 1
        frame[place + 2] = kind
        place += 3
        if let lease {
            place = put(&frame, Option.requestedAddress, lease.address, at: place)
            place = put(&frame, Option.server, lease.server, at: place)
        }
        frame[place] = Option.wanted
        frame[place + 1] = 2
        frame[place + 2] = Option.mask
        frame[place + 3] = Option.router
        frame[place + 4] = Option.end
        return length
    }

    private static func put(_ frame: inout MutableSpan<UInt8>, _ option: UInt8, _ address: UInt32, at place: Int) -> Int
    {
        frame[place] = option
        frame[place + 1] = 4
        frame.put(long: address, at: place + 2)
        return place + 6
    }

    /// A server's message in our transaction: its kind and what it grants.
    static func read(_ frame: Span<UInt8>, host: Host, transaction: UInt32) -> (kind: UInt8, lease: Host)? {
        guard let datagram = IPv4.read(frame, host: host, transport: .udp),
            datagram.payload.count >= udpSize + optionsOffset,
            frame.word(at: datagram.payload.lowerBound + 2) == clientPort
        else { return nil }
        let message = datagram.payload.lowerBound + udpSize
        guard frame[message] == Operation.reply, frame.long(at: message + 4) == transaction,
            frame.hardwareAddress(at: message + 28) == host.mac,
            frame.long(at: message + optionsOffset - 4) == magicCookie
        else { return nil }

        var kind: UInt8 = 0
        var lease = host
        lease.address = frame.long(at: message + 16)
        var place = message + optionsOffset
        let end = datagram.payload.upperBound
        while place < end, frame[place] != Option.end {
            if frame[place] == Option.pad {
                place += 1
                continue
            }
            guard place + 1 < end, place + 2 + Int(frame[place + 1]) <= end else { return nil }
            let count = Int(frame[place + 1])
            switch frame[place] {
            case Option.messageKind where count == 1: kind = frame[place + 2]
            case Option.mask where count >= 4: lease.mask = frame.long(at: place + 2)
            case Option.router where count >= 4: lease.gateway = frame.long(at: place + 2)
            case Option.server where count >= 4: lease.server = frame.long(at: place + 2)
            default: break
            }
            place += 2 + count
        }
        // A network that is closed to the outside may offer no router; its server is then the neighbour to talk to.
        if lease.gateway == 0 {
            lease.gateway = lease.server
        }
        return (kind, lease)
    }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func dhcp_write(
    _ frame: UnsafeMutablePointer<UInt8>, _ host: UnsafePointer<Host>, _ kind: UInt8, _ transaction: UInt32,
    _ lease: UnsafePointer<Host>?
) -> Int {
    var bytes = MutableSpan(_unsafeStart: frame, count: Int(PACKET_LIMIT))
    return DHCP.write(&bytes, host: host.pointee, kind: kind, transaction: transaction, lease: lease?.pointee)
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func dhcp_read(
    _ frame: UnsafePointer<UInt8>, _ length: Int, _ host: UnsafePointer<Host>, _ transaction: UInt32,
    _ lease: UnsafeMutablePointer<Host>
) -> UInt8 {
    let bytes = Span(_unsafeStart: frame, count: length)
    guard let answer = DHCP.read(bytes, host: host.pointee, transaction: transaction) else { return 0 }
    lease.pointee = answer.lease
    return answer.kind
}
