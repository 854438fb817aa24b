/// IPv4 datagrams (RFC 791), neither fragmented nor with options of our own.
enum IPv4 {
    enum Transport: UInt8 {
        case icmp = 1
        case udp = 17
    }

    static let broadcast: UInt32 = 0xffff_ffff
    static let payloadOffset = header + headerSize

    private static let header = Ethernet.headerSize
    private static let headerSize = 20
    private static let timeToLive: UInt8 = 64
    private static let fragmentBits: UInt16 = 0x3fff

    struct Datagram {
        let sender: UInt32
        let timeToLive: UInt8
        let payload: Range<Int>
    }

    /// Writes the Ethernet and the IPv4 header for a payload of `count` bytes; the length of the frame.
    static func write(
        _ frame: inout MutableSpan<UInt8>, host: Host, hardwareAddress: UInt64, target: UInt32, transport: Transport,
        count: Int
    ) -> Int {
        Ethernet.write(&frame, from: host.mac, to: hardwareAddress, kind: .ipv4)
        frame[header] = 0x45
        frame.put(word: UInt16(headerSize + count), at: header + 2)
        frame[header + 8] = timeToLive
        frame[header + 9] = transport.rawValue
        frame.put(long: host.address, at: header + 12)
        frame.put(long: target, at: header + 16)
        frame.put(word: frame.span.checksum(at: header, count: headerSize), at: header + 10)
        return payloadOffset + count
    }

    /// A datagram addressed to us or to all.
    static func read(_ frame: Span<UInt8>, host: Host, transport: Transport) -> Datagram? {
        guard Ethernet.holds(.ipv4, frame), frame.count >= payloadOffset, frame[header] >> 4 == 4 else { return nil }
        let size = Int(frame[header] & 15) * 4
        let total = Int(frame.word(at: header + 2))
        guard size >= headerSize, total >= size, header + total <= frame.count,
            frame.checksum(at: header, count: size) == 0,
            frame.word(at: header + 6) & fragmentBits == 0,
            frame[header + 9] == transport.rawValue
        else { return nil }
        let target = frame.long(at: header + 16)
        guard target == broadcast || host.address == 0 || target == host.address else { return nil }
        return Datagram(
            sender: frame.long(at: header + 12), timeToLive: frame[header + 8], payload: header + size..<header + total)
    }
}
