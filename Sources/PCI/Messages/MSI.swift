/// The MSI capability's layout; PCI Local Bus 3.0, section 6.8.1.
public struct MSICapability: Sendable, Hashable {
    public let offset: Int
    public let is64Bit: Bool
    public let hasMasks: Bool
    /// The number of vectors: 1, 2, 4, ... 32.
    public let maximumVectors: Int

    /// Register offsets from the capability's start.
    private enum Register {
        static let control = 2
        static let address = 4
        /// For a capability with 64-bit addresses.
        static let upperAddress = 8
    }

    /// Message Control; section 6.8.1.3.
    private enum Control {
        static let enable: UInt32 = 1 << 0
        /// Multiple Message Capable and Multiple Message Enable: the vectors as a power of two, 0 to 5.
        static let capableShift: UInt32 = 1
        static let enabledShift: UInt32 = 4
        static let countMask: UInt32 = 7
        static let address64: UInt32 = 1 << 7
        static let vectorMasks: UInt32 = 1 << 8
    }

    /// Addresses are aligned to a doubleword; section 6.8.1.4.
    private static let addressMask: UInt32 = 0xFFFF_FFFC

    /// Decodes the layout at `offset`; nil if the capability extends beyond the 256 bytes.
    /// - Parameter singleVectorOnly: show one vector without a mask, whatever the device has.
    public init?(_ bytes: [UInt8], at offset: Int, singleVectorOnly: Bool = false) {
        let control = UInt32(Capability.word16(bytes, offset + Register.control))
        self.offset = offset
        is64Bit = control & Control.address64 != 0
        hasMasks = !singleVectorOnly && control & Control.vectorMasks != 0
        maximumVectors = singleVectorOnly ? 1 : 1 << min(Int(control >> Control.capableShift & Control.countMask), 5)
        guard offset + length <= min(bytes.count, 256) else { return nil }
    }

    /// The layout for an emulated function: 64-bit addresses, a mask for each vector.
    /// - Parameter vectors: rounded up to 1, 2, 4, ... 32.
    init(offset: Int, vectors: Int) {
        self.offset = offset
        is64Bit = true
        hasMasks = true
        maximumVectors = [1, 2, 4, 8, 16].first { $0 >= vectors } ?? 32
    }

    /// Bytes from the capability's id to its last register.
    public var length: Int { (is64Bit ? 14 : 10) + (hasMasks ? 10 : 0) }
    private var dataOffset: Int { offset + (is64Bit ? 12 : 8) }
    private var maskOffset: Int { offset + (is64Bit ? 16 : 12) }
    /// The pending bits' offset, nil without per-vector masks.
    public var pendingOffset: Int? { hasMasks ? maskOffset + 4 : nil }

    /// Installs the capability in the guest's view: the guest owns enable, vector count, address, data and masks; none
    /// goes to the device.
    public func install(in space: inout ConfigSpace) {
        let control =
            (hasMasks ? Control.vectorMasks : 0) | (is64Bit ? Control.address64 : 0)
            | UInt32(maximumVectors.trailingZeroBitCount) << Control.capableShift
        space.set(offset + Register.control, control, width: 2)
        space.setMasks(
            offset + Register.control, width: 2, writable: Control.enable | Control.countMask << Control.enabledShift,
            live: 0, forwarded: 0)
        space.setMasks(offset + Register.address, width: 4, writable: Self.addressMask, live: 0, forwarded: 0)
        if is64Bit {
            space.setMasks(offset + Register.upperAddress, width: 4, writable: 0xFFFF_FFFF, live: 0, forwarded: 0)
        }
        space.setMasks(dataOffset, width: 2, writable: 0xFFFF, live: 0, forwarded: 0)
        if hasMasks {
            space.setMasks(
                maskOffset, width: 4, writable: UInt32(truncatingIfNeeded: UInt64(1) << UInt64(maximumVectors) - 1),
                live: 0, forwarded: 0)
            space.setMasks(maskOffset + 4, width: 4, writable: 0, live: 0, forwarded: 0)
        }
    }

    public func isEnabled(in space: ConfigSpace) -> Bool {
        space.read(offset + Register.control, width: 2) & Control.enable != 0
    }

    /// Returns the number of vectors that the guest enabled: 1, 2, ... at most `maximumVectors`.
    public func vectorCount(in space: ConfigSpace) -> Int {
        min(
            1 << Int(space.read(offset + Register.control, width: 2) >> Control.enabledShift & Control.countMask),
            maximumVectors)
    }

    /// Returns the message of a vector: the low bits of data are the vector's number.
    public func message(_ vector: Int, in space: ConfigSpace) -> MSIMessage {
        let high = is64Bit ? UInt64(space.read(offset + Register.upperAddress, width: 4)) << 32 : 0
        let low = UInt64(space.read(offset + Register.address, width: 4))
        let data = space.read(dataOffset, width: 2)
        let count = UInt32(vectorCount(in: space))
        return MSIMessage(address: high | low, data: data & ~(count - 1) | UInt32(vector) & (count - 1))
    }

    public func isMasked(_ vector: Int, in space: ConfigSpace) -> Bool {
        hasMasks && space.read(maskOffset, width: 4) >> UInt32(vector & 31) & 1 != 0
    }
}
