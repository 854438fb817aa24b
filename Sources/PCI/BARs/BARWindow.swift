/// A range of addresses from which BARs are placed before the guest starts.
public struct BARWindow: Sendable {
    public let range: Range<UInt64>
    private var next: UInt64

    public init(_ range: Range<UInt64>) {
        self.range = range
        next = range.lowerBound
    }

    /// Returns the next free address aligned to `size`, nil if the window is full.
    public mutating func allocate(_ size: UInt64) -> UInt64? {
        guard size.nonzeroBitCount == 1 else { return nil }
        let (sum, overflow) = next.addingReportingOverflow(size - 1)
        guard !overflow else { return nil }
        let start = sum & ~(size - 1)
        guard start >= range.lowerBound, start < range.upperBound, range.upperBound - start >= size else { return nil }
        next = start + size
        return start
    }
}
