/// A base address register: its decoder and its size. PCI Local Bus 3.0, section 6.2.5.
public struct BAR: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case io
        case memory32
        /// Occupies this register and the next one.
        case memory64
        /// The expansion ROM's register, which has an enable bit of its own. PCI Local Bus 3.0, section 6.2.5.2.
        case rom
    }

    /// 0...5; 6 for the expansion ROM's.
    public let index: Int
    public let kind: Kind
    /// The size in bytes: a power of two, at least 4 for I/O and 16 for memory.
    public let size: UInt64
    public let prefetchable: Bool

    /// Returns nil if the size is no power of two or too small, or if the register does not exist.
    public init?(index: Int, kind: Kind, size: UInt64, prefetchable: Bool = false) {
        guard (0...5).contains(index), kind != .memory64 || index < 5, kind != .rom else { return nil }
        guard size.nonzeroBitCount == 1, size >= (kind == .io ? 4 : 16) else { return nil }
        guard size <= (kind == .io ? 1 << 16 : kind == .memory32 ? 1 << 31 : 1 << 51) else { return nil }
        self.index = index
        self.kind = kind
        self.size = size
        self.prefetchable = prefetchable
    }

    /// An expansion ROM's register.
    /// - Parameter romSize: a power of two, 2 KiB...16 MiB.
    init(romSize: UInt64) {
        index = Self.romIndex
        kind = .rom
        size = romSize
        prefetchable = false
    }

    /// The index of the expansion ROM's register.
    public static let romIndex = 6

    private static let romEnable: UInt32 = 1

    /// The register's offset in configuration space.
    public var offset: Int { kind == .rom ? ConfigRegister.expansionROM : ConfigRegister.bars + 4 * index }

    public var isIO: Bool { kind == .io }

    private var typeBits: UInt32 {
        switch kind {
        case .io: 1
        case .memory32: prefetchable ? 8 : 0
        case .memory64: 4 | (prefetchable ? 8 : 0)
        case .rom: 0
        }
    }

    /// Installs the register in a configuration space, at address zero. Sizing (write ones, read back) follows from its
    /// fixed low bits.
    public func install(in space: inout ConfigSpace) {
        let mask = ~(size - 1)
        space.set(offset, typeBits, width: 4)
        let enable = kind == .rom ? Self.romEnable : 0
        space.setMasks(offset, width: 4, writable: UInt32(truncatingIfNeeded: mask) | enable, live: 0, forwarded: 0)
        if kind == .memory64 {
            space.set(offset + 4, 0, width: 4)
            space.setMasks(offset + 4, width: 4, writable: UInt32(mask >> 32), live: 0, forwarded: 0)
        }
    }

    /// Returns the address that the guest set.
    public func address(in space: ConfigSpace) -> UInt64 {
        let low = UInt64(space.read(offset, width: 4)) & ~UInt64(isIO ? 3 : kind == .rom ? 0x7FF : 15)
        guard kind == .memory64 else { return low }
        return UInt64(space.read(offset + 4, width: 4)) << 32 | low
    }

    /// Sets the address, as firmware does before the guest starts. Aligned to the size.
    public func assign(_ address: UInt64, in space: inout ConfigSpace) {
        space.write(offset, UInt32(truncatingIfNeeded: address), width: 4)
        if kind == .memory64 { space.write(offset + 4, UInt32(address >> 32), width: 4) }
    }

    /// Returns true if the register's range is decoded: for I/O BARs by COMMAND bit 0, for memory BARs by bit 1, for
    /// the expansion ROM by its own enable bit too.
    public func isDecoded(in space: ConfigSpace) -> Bool {
        if kind == .rom, space.read(offset, width: 4) & Self.romEnable == 0 { return false }
        return space.command.contains(isIO ? .ioSpace : .memorySpace)
    }
}
