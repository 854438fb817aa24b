extension UInt64 {
    /// The sum, or the largest value where the sum does not fit.
    @inlinable public func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The lowest multiple of `alignment`, a power of two, that is not below the number; nil when there is none in 64
    /// bits.
    @inlinable public func aligned(upTo alignment: UInt64) -> UInt64? {
        let (sum, overflow) = addingReportingOverflow(alignment - 1)
        return overflow ? nil : sum & ~(alignment - 1)
    }

    /// The highest multiple of `alignment`, a power of two, that is not above the number.
    @inlinable public func aligned(downTo alignment: UInt64) -> UInt64 {
        self & ~(alignment - 1)
    }
}
