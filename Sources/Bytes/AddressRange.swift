/// A half-open range of guest physical addresses that cannot wrap around.
///
/// Lists hold these and not the generic `Range`: for the first list of `Range` in a process the runtime looks through
/// every conformance of the program.
@frozen public struct AddressRange: Equatable, Sendable, CustomStringConvertible {
    public let start: UInt64
    /// The size in bytes.
    public let size: UInt64

    /// Returns nil if the range's end does not fit 64 bits.
    @inlinable public init?(start: UInt64, size: UInt64) {
        guard !start.addingReportingOverflow(size).overflow else { return nil }
        self.start = start
        self.size = size
    }

    @inlinable public init(_ range: Range<UInt64>) {
        start = range.lowerBound
        size = range.upperBound - range.lowerBound
    }

    /// The first address behind it.
    @inlinable public var end: UInt64 { start + size }

    @inlinable public var isEmpty: Bool { size == 0 }

    /// Returns true if the ranges share an address; false if either is empty.
    @inlinable public func overlaps(_ other: AddressRange) -> Bool {
        size > 0 && other.size > 0 && start < other.end && other.start < end
    }

    @inlinable public func contains(_ other: AddressRange) -> Bool {
        start <= other.start && other.end <= end
    }

    @inlinable public func contains(_ address: UInt64) -> Bool {
        start <= address && address < end
    }

    /// Returns the shared addresses, nil if there are none.
    public func intersection(_ other: AddressRange) -> AddressRange? {
        let lower = max(start, other.start)
        let upper = min(end, other.end)
        return lower < upper ? AddressRange(lower..<upper) : nil
    }

    /// Returns the parts of the range outside `other`: none, one or two.
    public func subtracting(_ other: AddressRange) -> [AddressRange] {
        guard overlaps(other) else { return size > 0 ? [self] : [] }
        var pieces: [AddressRange] = []
        if start < other.start { pieces.append(AddressRange(start..<other.start)) }
        if other.end < end { pieces.append(AddressRange(other.end..<end)) }
        return pieces
    }

    /// The first and last address, in the form of `/proc/iomem` and the kernel's E820 lines.
    public var description: String {
        size == 0 ? "\(start.hexadecimal) (empty)" : "\(start.hexadecimal)-\((end - 1).hexadecimal)"
    }
}
