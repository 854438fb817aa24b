public import Bytes

/// A device that answers port or MMIO accesses. A class, not a protocol: the exit loop calls it by one indirect call.
///
/// Any vCPU's thread may call it, so it guards its own state. Offsets are relative to the start of its range; widths
/// are 1, 2, 4 or 8 bytes, and an access may extend beyond the range's end.
open class BusDevice: @unchecked Sendable {
    // @unchecked: the base class has no state.
    public init() {}

    /// Returns all ones, the value of an address without a device.
    open func read(_ offset: UInt64, width: Int) -> UInt64 { .max }

    /// Drops the write.
    open func write(_ offset: UInt64, _ value: UInt64, width: Int) {}
}

/// The fixed ranges of an address space and their devices. Complete before the first vCPU runs, constant from then on.
public struct Bus: Sendable {
    /// Separate from the devices: the search reads only numbers and counts no references.
    private var ranges: [AddressRange] = []
    private var devices: [BusDevice] = []
    /// The devices again, with their names in a sentence: a device with several ranges several times.
    private(set) var savables: [(owner: String, device: any Savable)] = []
    /// For code that builds the board; the search doesn't use it.
    private(set) var claims: [Claim] = []

    public init() {}

    /// A range and its owner.
    public struct Claim: Equatable, Sendable, CustomStringConvertible {
        /// The name within a sentence: "COM1", "the clock".
        public let owner: String
        public let range: AddressRange

        public var description: String { "\(range.size == 1 ? range.start.hexadecimal : "\(range)") (\(owner))" }
    }

    /// The reason why a range can't be claimed.
    public enum ClaimError: Error, Equatable, CustomStringConvertible {
        /// Two devices would answer at the same address.
        case overlap(Claim, earlier: Claim)
        /// A range without an address.
        case empty(owner: String)

        public var description: String {
            switch self {
            case .overlap(let claim, let earlier): "\(claim) overlaps \(earlier): give one of them another place"
            case .empty(let owner): "\(owner) would answer nowhere: give it a place"
            }
        }
    }

    /// Assigns a range to a device.
    /// - Parameter owner: the device's name in messages.
    public mutating func claim(_ range: Range<UInt64>, _ device: some BusDevice & Savable, for owner: String)
        throws(ClaimError)
    {
        try reserve(range, for: owner)
        ranges.append(AddressRange(range))
        devices.append(device)
        savables.append((owner, device))
    }

    /// Reserves a range for a device that is not on this bus: accesses find no device here, and none can claim it.
    public mutating func reserve(_ range: Range<UInt64>, for owner: String) throws(ClaimError) {
        let claim = Claim(owner: owner, range: AddressRange(range))
        guard !claim.range.isEmpty else { throw .empty(owner: owner) }
        if let earlier = claims.first(where: { $0.range.overlaps(claim.range) }) {
            throw .overlap(claim, earlier: earlier)
        }
        claims.append(claim)
    }

    /// Returns the claim that contains an address. A linear search: a board has a dozen claims, for which it is faster
    /// than a hash.
    private func find(_ address: UInt64) -> Int? {
        for index in ranges.indices where ranges[index].contains(address) { return index }
        return nil
    }

    /// Reads 1, 2, 4 or 8 bytes; nil if no device answers.
    @inline(__always)
    func read(_ address: UInt64, width: Int) -> UInt64? {
        guard let index = find(address) else { return nil }
        return devices[index].read(address - ranges[index].start, width: width)
    }

    /// Writes 1, 2, 4 or 8 bytes.
    /// - Returns: false if no device answers.
    @inline(__always)
    func write(_ address: UInt64, _ value: UInt64, width: Int) -> Bool {
        guard let index = find(address) else { return false }
        devices[index].write(address - ranges[index].start, value, width: width)
        return true
    }
}
