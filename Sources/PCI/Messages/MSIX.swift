/// The MSI-X capability's layout; PCI Local Bus 3.0, section 6.8.2.
public struct MSIXCapability: Sendable, Hashable {
    public let offset: Int
    /// 1...2048.
    public let vectorCount: Int
    public let tableBAR: Int
    public let tableOffset: UInt64
    public let pendingBAR: Int
    public let pendingOffset: UInt64

    public static let length = 12

    /// Reads the layout at `offset`; nil where it runs out of the 256 bytes or names a BAR that can't be.
    public init?(_ bytes: [UInt8], at offset: Int) {
        guard offset + Self.length <= min(bytes.count, 256) else { return nil }
        let table = Capability.word32(bytes, offset + 4)
        let pending = Capability.word32(bytes, offset + 8)
        guard table & 7 < 6, pending & 7 < 6 else { return nil }
        self.offset = offset
        vectorCount = Int(Capability.word16(bytes, offset + 2) & 0x7FF) + 1
        tableBAR = Int(table & 7)
        tableOffset = UInt64(table & ~7)
        pendingBAR = Int(pending & 7)
        pendingOffset = UInt64(pending & ~7)
    }

    /// An emulated function's.
    init(offset: Int, placement: FunctionHeader.MSIXPlacement) {
        self.offset = offset
        vectorCount = min(max(placement.vectors, 1), 2048)
        tableBAR = placement.bar
        tableOffset = UInt64(placement.tableOffset & ~7)
        pendingBAR = placement.bar
        pendingOffset = UInt64(placement.pendingOffset & ~7)
    }

    public var tableRange: Range<UInt64> { tableOffset..<tableOffset + UInt64(vectorCount) * 16 }
    public var pendingRange: Range<UInt64> { pendingOffset..<pendingOffset + UInt64((vectorCount + 63) / 64) * 8 }

    /// Lays the capability into the guest's view: the guest owns enable and function mask; neither goes to the device.
    public func install(in space: inout ConfigSpace) {
        space.set(offset + 2, UInt32(vectorCount - 1), width: 2)
        space.setMasks(offset + 2, width: 2, writable: 0xC000, live: 0, forwarded: 0)
        space.set(offset + 4, UInt32(truncatingIfNeeded: tableOffset) | UInt32(tableBAR), width: 4)
        space.set(offset + 8, UInt32(truncatingIfNeeded: pendingOffset) | UInt32(pendingBAR), width: 4)
    }

    public func isEnabled(in space: ConfigSpace) -> Bool { space.read(offset + 2, width: 2) & 0x8000 != 0 }
    public func isFunctionMasked(in space: ConfigSpace) -> Bool { space.read(offset + 2, width: 2) & 0x4000 != 0 }
}

/// The MSI-X table as the guest wrote it: 16 bytes a vector, masked at reset. PCI Local Bus 3.0, section 6.8.2.6 on.
public struct MSIXTable: Sendable {
    private var words: [UInt32]

    /// - Parameter count: vectors, up to 2048; 0 for a function without MSI-X.
    public init(count: Int) {
        words = [UInt32](repeating: 0, count: count * 4)
        reset()
    }

    public var count: Int { words.count / 4 }

    /// As after a function reset: zero, masked.
    public mutating func reset() {
        for index in words.indices { words[index] = index % 4 == 3 ? 1 : 0 }
    }

    /// A read of 1, 2, 4 or 8 bytes at a byte offset; outside, zero.
    public func read(_ offset: UInt64, width: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<width {
            let place = offset &+ UInt64(index)
            guard place < UInt64(words.count * 4) else { break }
            value |= UInt64(words[Int(place / 4)] >> UInt32(place % 4 * 8) & 0xFF) << UInt64(8 * index)
        }
        return value
    }

    /// A write of 1, 2, 4 or 8 bytes; outside, lost. Of the vector control word only the mask bit is kept.
    /// - Returns: the vector written to, nil outside the table.
    @discardableResult
    public mutating func write(_ offset: UInt64, _ value: UInt64, width: Int) -> Int? {
        guard offset < UInt64(words.count * 4) else { return nil }
        for index in 0..<width {
            let place = offset + UInt64(index)
            guard place < UInt64(words.count * 4) else { break }
            let shift = UInt32(place % 4 * 8)
            let word = Int(place / 4)
            words[word] = words[word] & ~(0xFF << shift) | UInt32(truncatingIfNeeded: value >> UInt64(8 * index) & 0xFF) << shift
            if word % 4 == 3 { words[word] &= 1 }
        }
        return Int(offset / 16)
    }

    /// The message of a vector, which must be below `count`.
    public func message(_ vector: Int) -> MSIMessage {
        MSIMessage(address: UInt64(words[vector * 4 + 1]) << 32 | UInt64(words[vector * 4] & ~3), data: words[vector * 4 + 2])
    }

    public func isMasked(_ vector: Int) -> Bool { words[vector * 4 + 3] & 1 != 0 }
}
