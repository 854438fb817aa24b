/// The MSI-X capability's layout; PCI Local Bus 3.0, section 6.8.2.
public struct MSIXCapability: Sendable, Hashable {
    public let offset: Int
    /// The number of vectors, 1...2048.
    public let vectorCount: Int
    public let tableBAR: Int
    public let tableOffset: UInt64
    public let pendingBAR: Int
    public let pendingOffset: UInt64

    public static let length = 12

    /// Register offsets from the capability's start.
    private enum Register {
        static let control = 2
        static let table = 4
        static let pendingBits = 8
    }

    /// Message Control; section 6.8.2.3.
    private enum Control {
        /// The number of vectors minus one.
        static let sizeMask: UInt16 = 0x7FF
        static let functionMask: UInt32 = 1 << 14
        static let enable: UInt32 = 1 << 15
    }

    /// BAR Indicator Register: the low bits of the table's and the pending bits' offsets; sections 6.8.2.4 and 6.8.2.5.
    private static let barMask: UInt32 = 7

    /// Decodes the layout at `offset`; nil if it extends beyond the 256 bytes or names a BAR that does not exist.
    public init?(_ bytes: [UInt8], at offset: Int) {
        guard offset + Self.length <= min(bytes.count, 256) else { return nil }
        let table = Capability.word32(bytes, offset + Register.table)
        let pending = Capability.word32(bytes, offset + Register.pendingBits)
        guard table & Self.barMask < 6, pending & Self.barMask < 6 else { return nil }
        self.offset = offset
        vectorCount = Int(Capability.word16(bytes, offset + Register.control) & Control.sizeMask) + 1
        tableBAR = Int(table & Self.barMask)
        tableOffset = UInt64(table & ~Self.barMask)
        pendingBAR = Int(pending & Self.barMask)
        pendingOffset = UInt64(pending & ~Self.barMask)
    }

    /// The layout for an emulated function.
    init(offset: Int, placement: FunctionHeader.MSIXPlacement) {
        self.offset = offset
        vectorCount = min(max(placement.vectors, 1), 2048)
        tableBAR = placement.bar
        tableOffset = UInt64(placement.tableOffset & ~Self.barMask)
        pendingBAR = placement.bar
        pendingOffset = UInt64(placement.pendingOffset & ~Self.barMask)
    }

    public var tableRange: Range<UInt64> { tableOffset..<tableOffset + UInt64(vectorCount) * 16 }
    public var pendingRange: Range<UInt64> { pendingOffset..<pendingOffset + UInt64((vectorCount + 63) / 64) * 8 }

    /// Installs the capability in the guest's view: the guest owns enable and function mask; neither goes to the
    /// device.
    public func install(in space: inout ConfigSpace) {
        space.set(offset + Register.control, UInt32(vectorCount - 1), width: 2)
        space.setMasks(
            offset + Register.control, width: 2, writable: Control.enable | Control.functionMask, live: 0, forwarded: 0)
        space.set(offset + Register.table, UInt32(truncatingIfNeeded: tableOffset) | UInt32(tableBAR), width: 4)
        space.set(
            offset + Register.pendingBits, UInt32(truncatingIfNeeded: pendingOffset) | UInt32(pendingBAR), width: 4)
    }

    public func isEnabled(in space: ConfigSpace) -> Bool {
        space.read(offset + Register.control, width: 2) & Control.enable != 0
    }
    public func isFunctionMasked(in space: ConfigSpace) -> Bool {
        space.read(offset + Register.control, width: 2) & Control.functionMask != 0
    }
}

/// The MSI-X table as the guest wrote it: 16 bytes per vector, masked at reset. PCI Local Bus 3.0, section 6.8.2.6 on.
public struct MSIXTable: Sendable, Equatable {
    private var words: [UInt32]

    /// - Parameter count: vectors, up to 2048; 0 for a function without MSI-X.
    public init(count: Int) {
        words = [UInt32](repeating: 0, count: count * 4)
        reset()
    }

    public var count: Int { words.count / 4 }

    /// Returns to the state after a function reset: zero, masked.
    public mutating func reset() {
        for index in words.indices { words[index] = index % 4 == 3 ? 1 : 0 }
    }

    /// Reads 1, 2, 4 or 8 bytes at a byte offset; zero outside.
    public func read(_ offset: UInt64, width: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<width {
            let place = offset &+ UInt64(index)
            guard place < UInt64(words.count * 4) else { break }
            value |= UInt64(words[Int(place / 4)] >> UInt32(place % 4 * 8) & 0xFF) << UInt64(8 * index)
        }
        return value
    }

    /// Writes 1, 2, 4 or 8 bytes; writes outside are dropped. Of the vector control word only the mask bit is kept.
    /// - Returns: the vector written to, nil outside the table.
    @discardableResult
    public mutating func write(_ offset: UInt64, _ value: UInt64, width: Int) -> Int? {
        guard offset < UInt64(words.count * 4) else { return nil }
        for index in 0..<width {
            let place = offset + UInt64(index)
            guard place < UInt64(words.count * 4) else { break }
            let shift = UInt32(place % 4 * 8)
            let word = Int(place / 4)
            words[word] =
                words[word] & ~(0xFF << shift) | UInt32(truncatingIfNeeded: value >> UInt64(8 * index) & 0xFF) << shift
            if word % 4 == 3 { words[word] &= 1 }
        }
        return Int(offset / 16)
    }

    /// Returns the message of a vector, which must be below `count`.
    public func message(_ vector: Int) -> MSIMessage {
        MSIMessage(
            address: UInt64(words[vector * 4 + 1]) << 32 | UInt64(words[vector * 4] & ~3), data: words[vector * 4 + 2])
    }

    public func isMasked(_ vector: Int) -> Bool { words[vector * 4 + 3] & 1 != 0 }
}
