/// Ethernet II frames (RFC 894).
enum Ethernet {
    static let headerSize = 14
    static let typeOffset = 12
    static let broadcast: UInt64 = 0xffff_ffff_ffff

    enum Kind: UInt16 {
        case ipv4 = 0x0800
        case arp = 0x0806
    }

    /// Empties the frame and writes the header.
    static func write(_ frame: inout MutableSpan<UInt8>, from sender: UInt64, to target: UInt64, kind: Kind) {
        frame.update(repeating: 0)
        frame.put(hardwareAddress: target, at: 0)
        frame.put(hardwareAddress: sender, at: 6)
        frame.put(word: kind.rawValue, at: typeOffset)
    }

    static func holds(_ kind: Kind, _ frame: Span<UInt8>) -> Bool {
        frame.count >= headerSize && frame.word(at: typeOffset) == kind.rawValue
    }
}
