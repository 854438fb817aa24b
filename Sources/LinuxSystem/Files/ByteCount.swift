/// A number of bytes in the largest unit of which it is a whole number, at most TiB: `64M` as options take it, `64 MiB`
/// in sentences.
public struct ByteCount: Sendable {
    /// By their letters, the largest first, as powers of two.
    public static let units: [(letter: Character, shift: UInt64)] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)]

    private let number: UInt64
    /// Nil for bytes.
    private let unit: Character?

    public init(_ bytes: UInt64) {
        let unit = Self.units.first { bytes > 0 && bytes % (1 << $0.shift) == 0 }
        number = bytes >> (unit?.shift ?? 0)
        self.unit = unit?.letter
    }

    public var option: String { unit.map { "\(number)\($0)" } ?? "\(number)" }

    public var words: String { unit.map { "\(number) \($0)iB" } ?? "\(number) bytes" }
}
