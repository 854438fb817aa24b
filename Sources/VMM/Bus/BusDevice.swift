public import Bytes

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

/// The fixed ranges of an address space and who answers there. Complete before the first vCPU runs, constant from then
/// on.
public struct Bus: Sendable {
    /// Apart from the devices: the search reads numbers only and counts no references.
    private var ranges: [AddressRange] = []
    private var devices: [BusDevice] = []
    /// For whoever builds the board; the search doesn't look here.
    private(set) var claims: [Claim] = []

    public init() {}

    /// A range and who answers there.
    public struct Claim: Equatable, Sendable, CustomStringConvertible {
        /// In the words of a sentence: "COM1", "the clock".
        public let owner: String
        public let range: AddressRange

        public var description: String { "\(range.size == 1 ? range.start.hexadecimal : "\(range)") (\(owner))" }
    }

    /// Why a range can't be claimed.
    public enum ClaimError: Error, Equatable, CustomStringConvertible {
        /// Two would answer at the same address.
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

    /// Gives a range to a device.
    /// - Parameter owner: what a sentence calls the device.
    public mutating func claim(_ range: Range<UInt64>, _ device: BusDevice, for owner: String) throws(ClaimError) {
        try reserve(range, for: owner)
        ranges.append(AddressRange(range))
        devices.append(device)
    }

    /// Keeps a range for somebody who is not on this bus: accesses find nobody here, and no device can claim it.
    public mutating func reserve(_ range: Range<UInt64>, for owner: String) throws(ClaimError) {
        let claim = Claim(owner: owner, range: AddressRange(range))
        guard !claim.range.isEmpty else { throw .empty(owner: owner) }
        if let earlier = claims.first(where: { $0.range.overlaps(claim.range) }) {
            throw .overlap(claim, earlier: earlier)
        }
        claims.append(claim)
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
