/// Address resolution for IPv4 over Ethernet (RFC 826).
enum ARP {
    private static let body = Ethernet.headerSize
    private static let size = Ethernet.headerSize + 28
    /// Ethernet, IPv4, and how long their addresses are.
    private static let kinds: (UInt32, UInt16) = (0x0001_0800, 0x0604)

    enum Operation: UInt16 {
        case request = 1
        case reply = 2
    }

    static func write(
        _ frame: inout MutableSpan<UInt8>, _ operation: Operation, host: Host, hardwareAddress: UInt64, target: UInt32
    ) -> Int {
        let isRequest = operation == .request
        Ethernet.write(&frame, from: host.mac, to: isRequest ? Ethernet.broadcast : hardwareAddress, kind: .arp)
        frame.put(long: kinds.0, at: body)
        frame.put(word: kinds.1, at: body + 4)
        frame.put(word: operation.rawValue, at: body + 6)
        frame.put(hardwareAddress: host.mac, at: body + 8)
        frame.put(long: host.address, at: body + 14)
        frame.put(hardwareAddress: isRequest ? 0 : hardwareAddress, at: body + 18)
        frame.put(long: target, at: body + 24)
        return size
    }

    static func holds(_ operation: Operation, _ frame: Span<UInt8>) -> Bool {
        Ethernet.holds(.arp, frame) && frame.count >= size && frame.long(at: body) == kinds.0
            && frame.word(at: body + 4) == kinds.1 && frame.word(at: body + 6) == operation.rawValue
    }

    static func senderHardwareAddress(_ frame: Span<UInt8>) -> UInt64 { frame.hardwareAddress(at: body + 8) }
    static func sender(_ frame: Span<UInt8>) -> UInt32 { frame.long(at: body + 14) }
    static func target(_ frame: Span<UInt8>) -> UInt32 { frame.long(at: body + 24) }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func arp_write_request(_ frame: UnsafeMutablePointer<UInt8>, _ host: UnsafePointer<Host>, _ target: UInt32)
    -> Int
{
    var bytes = MutableSpan(_unsafeStart: frame, count: Int(PACKET_LIMIT))
    return ARP.write(&bytes, .request, host: host.pointee, hardwareAddress: 0, target: target)
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func arp_write_answer(
    _ frame: UnsafeMutablePointer<UInt8>, _ host: UnsafePointer<Host>, _ question: UnsafePointer<UInt8>, _ length: Int
) -> Int {
    let asked = Span(_unsafeStart: question, count: length)
    guard host.pointee.address != 0, ARP.holds(.request, asked), ARP.target(asked) == host.pointee.address else {
        return 0
    }
    var bytes = MutableSpan(_unsafeStart: frame, count: Int(PACKET_LIMIT))
    return ARP.write(
        &bytes, .reply, host: host.pointee, hardwareAddress: ARP.senderHardwareAddress(asked), target: ARP.sender(asked)
    )
}

// swift-format-ignore: AlwaysUseLowerCamelCase
@c @implementation
public func arp_read_reply(_ frame: UnsafePointer<UInt8>, _ length: Int, _ target: UInt32) -> UInt64 {
    let bytes = Span(_unsafeStart: frame, count: length)
    return ARP.holds(.reply, bytes) && ARP.sender(bytes) == target ? ARP.senderHardwareAddress(bytes) : 0
}
