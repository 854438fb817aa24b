/// Something that answers port or MMIO accesses. A class, not a protocol: the exit loop calls it by one indirect call.
///
/// Called from any vCPU's thread, so it guards its own state. Offsets are from the start of the range it was given;
/// widths are 1, 2, 4 or 8 bytes and an access may run past the range's end.
open class BusDevice: @unchecked Sendable {
    // @unchecked: the base class has no state.
    public init() {}

    /// All ones, as where nothing answers.
    open func read(_ offset: UInt64, width: Int) -> UInt64 { .max }

    /// Lost.
    open func write(_ offset: UInt64, _ value: UInt64, width: Int) {}
}

/// The fixed ranges of an address space and who answers there. Complete before the first vCPU runs, constant from then on.
public struct Bus: Sendable {
    public struct Claim: Sendable {
        let start: UInt64
        let end: UInt64
        let device: BusDevice
    }

    private var claims: [Claim] = []

    public init() {}

    /// Gives a range to a device.
    /// - Returns: false, and no change, where the range overlaps an earlier one.
    @discardableResult
    public mutating func claim(_ range: Range<UInt64>, _ device: BusDevice) -> Bool {
        guard !range.isEmpty, !claims.contains(where: { $0.start < range.upperBound && range.lowerBound < $0.end }) else { return false }
        claims.append(Claim(start: range.lowerBound, end: range.upperBound, device: device))
        return true
    }

    /// Who answers at an address. A walk: a board has a dozen claims, and a walk over them costs less than a hash.
    @inline(__always)
    func find(_ address: UInt64) -> Claim? {
        for claim in claims where address >= claim.start && address < claim.end { return claim }
        return nil
    }
}
