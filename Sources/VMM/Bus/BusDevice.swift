import Bytes

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
    /// Apart from the devices: the search reads numbers only and counts no references.
    private var ranges: [AddressRange] = []
    private var devices: [BusDevice] = []

    public init() {}

    /// Gives a range to a device.
    /// - Returns: false, and no change, where the range overlaps an earlier one.
    @discardableResult
    public mutating func claim(_ range: Range<UInt64>, _ device: BusDevice) -> Bool {
        let range = AddressRange(range)
        guard !range.isEmpty, !ranges.contains(where: { $0.overlaps(range) }) else { return false }
        ranges.append(range)
        devices.append(device)
        return true
    }

    /// The claim an address lies in. A walk: a board has a dozen claims, and a walk over them costs less than a hash.
    private func find(_ address: UInt64) -> Int? {
        for index in ranges.indices where ranges[index].contains(address) { return index }
        return nil
    }

    /// A read of 1, 2, 4 or 8 bytes; nil where nobody answers.
    @inline(__always)
    func read(_ address: UInt64, width: Int) -> UInt64? {
        guard let index = find(address) else { return nil }
        return devices[index].read(address - ranges[index].start, width: width)
    }

    /// A write of 1, 2, 4 or 8 bytes.
    /// - Returns: false where nobody answers.
    @inline(__always)
    func write(_ address: UInt64, _ value: UInt64, width: Int) -> Bool {
        guard let index = find(address) else { return false }
        devices[index].write(address - ranges[index].start, value, width: width)
        return true
    }
}
