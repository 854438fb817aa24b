/// A half-open range of guest physical addresses that cannot wrap around.
///
/// Lists hold these and not `Range`, which is generic over what can be compared: for the first such list of a process the runtime looks
/// through every conformance of the program.
public struct AddressRange: Equatable, Sendable, CustomStringConvertible {
    public let start: UInt64
    /// Bytes.
    public let size: UInt64

    /// Nil when the range's end does not fit 64 bits.
    public init?(start: UInt64, size: UInt64) {
        guard !start.addingReportingOverflow(size).overflow else { return nil }
        self.start = start
        self.size = size
    }

    public init(_ range: Range<UInt64>) {
        start = range.lowerBound
        size = range.upperBound - range.lowerBound
    }

    /// The first address behind it.
    public var end: UInt64 { start + size }

    public var isEmpty: Bool { size == 0 }

    /// Whether an address lies in both; never where one is empty.
    public func overlaps(_ other: AddressRange) -> Bool {
        size > 0 && other.size > 0 && start < other.end && other.start < end
    }

    public func contains(_ other: AddressRange) -> Bool {
        start <= other.start && other.end <= end
    }

    public func contains(_ address: UInt64) -> Bool {
        start <= address && address < end
    }

    func intersection(_ other: AddressRange) -> AddressRange? {
        let lower = max(start, other.start)
        let upper = min(end, other.end)
        return lower < upper ? AddressRange(lower..<upper) : nil
    }

    /// What is left of the range without `other`: nothing, one piece or two.
    func subtracting(_ other: AddressRange) -> [AddressRange] {
        guard overlaps(other) else { return size > 0 ? [self] : [] }
        var pieces: [AddressRange] = []
        if start < other.start { pieces.append(AddressRange(start..<other.start)) }
        if other.end < end { pieces.append(AddressRange(other.end..<end)) }
        return pieces
    }

    /// First and last address, as `/proc/iomem` and the kernel's E820 lines show ranges.
    public var description: String {
        size == 0 ? "\(start.hexadecimal) (empty)" : "\(start.hexadecimal)-\((end - 1).hexadecimal)"
    }
}

extension UInt64 {
    /// The number as people write addresses: `0x100000`.
    var hexadecimal: String { "0x" + String(self, radix: 16) }

    /// The sum, or the largest value where the sum does not fit.
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The lowest multiple of `alignment`, a power of two, that is not below the number; nil when there is none in 64 bits.
    func aligned(upTo alignment: UInt64) -> UInt64? {
        let (sum, overflow) = addingReportingOverflow(alignment - 1)
        return overflow ? nil : sum & ~(alignment - 1)
    }

    /// The highest multiple of `alignment`, a power of two, that is not above the number.
    func aligned(downTo alignment: UInt64) -> UInt64 {
        self & ~(alignment - 1)
    }
}
