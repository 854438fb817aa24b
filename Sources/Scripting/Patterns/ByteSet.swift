/// A set of byte values.
struct ByteSet: Equatable, Sendable {
    /// One bit per byte value, the lowest first.
    private(set) var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    init(_ byte: UInt8) { insert(byte) }

    init(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

    init(_ text: String) { for byte in text.utf8 { insert(byte) } }

    static let digits = ByteSet(0x30...0x39)
    static let letters = ByteSet(0x41...0x5A).union(ByteSet(0x61...0x7A))
    /// The set of \w: letters, digits and the underscore.
    static let word = digits.union(letters).union(ByteSet("_"))
    static let space = ByteSet(" \t\n\r\u{0B}\u{0C}")
    /// The set of a dot: all but the line feed.
    static let dot = ByteSet(0x0A).inverted

    mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
        return word >> UInt64(byte & 63) & 1 != 0
    }

    /// Calls `body` with every member, in order.
    func forEach(_ body: (UInt8) -> Void) {
        for (index, word) in [words.0, words.1, words.2, words.3].enumerated() {
            var rest = word
            while rest != 0 {
                body(UInt8(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
    }

    func union(_ other: ByteSet) -> ByteSet {
        var result = self
        result.words = (
            words.0 | other.words.0, words.1 | other.words.1, words.2 | other.words.2, words.3 | other.words.3
        )
        return result
    }

    var inverted: ByteSet {
        var result = self
        result.words = (~words.0, ~words.1, ~words.2, ~words.3)
        return result
    }

    /// The set with both cases of each of its ASCII letters.
    var ignoringCase: ByteSet {
        var result = self
        for byte: UInt8 in 0x41...0x5A where contains(byte) || contains(byte | 0x20) {
            result.insert(byte)
            result.insert(byte | 0x20)
        }
        return result
    }

    static func == (left: ByteSet, right: ByteSet) -> Bool { left.words == right.words }
}
