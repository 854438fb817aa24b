/// Echo requests and replies (RFC 792), each with a payload that tells its sequence number.
enum ICMP {
    private static let header = 8
    private static let count = 56

    private enum Kind: UInt8 {
        case echoReply = 0
        case echoRequest = 8
    }

    private static func payload(_ index: Int, _ sequence: UInt16) -> UInt8 {
        UInt8(truncatingIfNeeded: index + Int(sequence))
    }

    static func writeRequest(_ frame: inout MutableSpan<UInt8>, host: Host, identifier: UInt16, sequence: UInt16) -> Int
    {
        let length = IPv4.write(
            &frame, host: host, hardwareAddress: host.gateway_mac, target: host.gateway, transport: .icmp,
            count: header + count)
        let message = IPv4.payloadOffset
        frame[message] = Kind.echoRequest.rawValue
        frame.put(word: identifier, at: message + 4)
        frame.put(word: sequence, at: message + 6)
        for index in 0..<count {
            frame[message + header + index] = payload(index, sequence)
        }
        frame.put(word: frame.span.checksum(at: message, count: header + count), at: message + 2)
        return length
    }

    /// The datagram of the gateway's reply.
    static func readReply(_ frame: Span<UInt8>, host: Host, identifier: UInt16, sequence: UInt16) -> IPv4.Datagram? {
        guard let datagram = IPv4.read(frame, host: host, transport: .icmp), datagram.sender == host.gateway,
            datagram.payload.count == header + count
        else { return nil }
        let message = datagram.payload.lowerBound
        guard frame.checksum(at: message, count: header + count) == 0, frame[message] == Kind.echoReply.rawValue,
            frame.word(at: message + 4) == identifier, frame.word(at: message + 6) == sequence
        else { return nil }
        for index in 0..<count where frame[message + header + index] != payload(index, sequence) {
            return nil
        }
        return datagram
    }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func icmp_write_request(
    _ frame: UnsafeMutablePointer<UInt8>, _ host: UnsafePointer<Host>, _ identifier: UInt16, _ sequence: UInt16
) -> Int {
    var bytes = MutableSpan(_unsafeStart: frame, count: Int(PACKET_LIMIT))
    return ICMP.writeRequest(&bytes, host: host.pointee, identifier: identifier, sequence: sequence)
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func icmp_read_reply(
    _ frame: UnsafePointer<UInt8>, _ length: Int, _ host: UnsafePointer<Host>, _ identifier: UInt16, _ sequence: UInt16
) -> UInt8 {
    let bytes = Span(_unsafeStart: frame, count: length)
    return ICMP.readReply(bytes, host: host.pointee, identifier: identifier, sequence: sequence)?.timeToLive ?? 0
}
