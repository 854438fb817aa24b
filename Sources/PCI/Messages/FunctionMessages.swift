/// The two kinds of message-signalled interrupts.
public enum MessageKind: String, Hashable, Sendable {
    case msi, msix
}

/// The way in which a function signals interrupts.
public enum InterruptMode: Hashable, Sendable {
    case none, intx, messages(MessageKind)
}

/// The guest's settings for one vector.
public struct VectorSetting: Hashable, Sendable {
    /// The vector's number within its function, from 0.
    public var number: Int
    public var message: MSIMessage
    /// Masked by its own mask or by the function's.
    public var isMasked: Bool

    public init(number: Int, message: MSIMessage, isMasked: Bool) {
        self.number = number
        self.message = message
        self.isMasked = isMasked
    }
}

/// The place of the registers of a function's messages: its MSI and MSI-X capabilities, and the MSI-X table and pending
/// bits in BARs.
public struct MessageLayout: Sendable, Equatable {
    public let msi: MSICapability?
    public let msix: MSIXCapability?

    /// - Parameters: the capabilities in the function's configuration space; nil for one it lacks.
    public init(msi: MSICapability?, msix: MSIXCapability?) {
        self.msi = msi
        self.msix = msix
    }

    /// The parts of MSI-X in a BAR.
    public enum Area: Sendable {
        case table, pendingBits
    }

    /// Returns the part of MSI-X at an offset of a BAR; nil if the device owns the byte.
    public func area(bar: Int, offset: UInt64) -> Area? {
        guard let msix else { return nil }
        if bar == msix.tableBAR, msix.tableRange.contains(offset) { return .table }
        if bar == msix.pendingBAR, msix.pendingRange.contains(offset) { return .pendingBits }
        return nil
    }

    /// Returns true if an access begins before the table or the pending bits and extends into them: it must be split,
    /// so that it does not reach the device's own registers. Of an access that begins inside, bytes beyond the end are
    /// dropped.
    public func splits(bar: Int, offset: UInt64, width: Int) -> Bool {
        guard let msix, width > 1 else { return false }
        func reachesInto(_ range: Range<UInt64>) -> Bool {
            offset < range.lowerBound && offset + UInt64(width) > range.lowerBound
        }
        return bar == msix.tableBAR && reachesInto(msix.tableRange)
            || bar == msix.pendingBAR && reachesInto(msix.pendingRange)
    }

    /// Returns the pages of a BAR that hold the table and the pending bits: the guest's accesses there must not reach a
    /// device.
    public func trappedRanges(bar: Int) -> [Range<UInt64>] {
        guard let msix else { return [] }
        var ranges: [Range<UInt64>] = []
        if msix.tableBAR == bar { ranges.append(msix.tableRange) }
        if msix.pendingBAR == bar { ranges.append(msix.pendingRange) }
        return ranges.map { $0.lowerBound & ~0xFFF..<($0.upperBound + 0xFFF) & ~0xFFF }
    }
}

/// A function's messages as the guest set them: its capabilities' registers, which are in the configuration space, and
/// the MSI-X table. Used for passed-through and for emulated functions. PCI Local Bus 3.0, section 6.8.
public struct FunctionMessages: Sendable, Equatable {
    public let layout: MessageLayout
    private var table: MSIXTable

    public init(_ layout: MessageLayout) {
        self.layout = layout
        table = MSIXTable(count: layout.msix?.vectorCount ?? 0)
    }

    private var msi: MSICapability? { layout.msi }
    private var msix: MSIXCapability? { layout.msix }

    // MARK: Mode

    /// Returns the mode that the registers ask for: MSI-X before MSI before INTx.
    /// - Parameter hasLine: true if the function has an INTx line.
    public func mode(in space: ConfigSpace, hasLine: Bool) -> InterruptMode {
        if let msix, msix.isEnabled(in: space) { return .messages(.msix) }
        if let msi, msi.isEnabled(in: space) { return .messages(.msi) }
        return hasLine ? .intx : .none
    }

    /// Returns true if a configuration write of `width` bytes at `offset` touches one of the capabilities.
    public func areTouched(byWriteAt offset: Int, width: Int) -> Bool {
        if let msi, ConfigSpace.touches(offset, width, msi.offset..<msi.offset + msi.length) { return true }
        if let msix, ConfigSpace.touches(offset, width, msix.offset..<msix.offset + MSIXCapability.length) {
            return true
        }
        return false
    }

    // MARK: Vectors

    /// Returns the number of vectors of a kind: of MSI those that the guest enabled, of MSI-X all.
    public func count(_ kind: MessageKind, in space: ConfigSpace) -> Int {
        switch kind {
        case .msi: msi?.vectorCount(in: space) ?? 0
        case .msix: table.count
        }
    }

    /// Returns the guest's settings for a vector, which must be below `count`.
    public func setting(_ kind: MessageKind, _ vector: Int, in space: ConfigSpace) -> VectorSetting {
        switch kind {
        case .msi:
            let message = msi?.message(vector, in: space) ?? MSIMessage(address: 0, data: 0)
            return VectorSetting(number: vector, message: message, isMasked: msi?.isMasked(vector, in: space) ?? true)
        case .msix:
            let isMasked = table.isMasked(vector) || msix?.isFunctionMasked(in: space) ?? true
            return VectorSetting(number: vector, message: table.message(vector), isMasked: isMasked)
        }
    }

    /// Returns the guest's settings for all vectors of a mode; none for INTx.
    public func settings(_ mode: InterruptMode, in space: ConfigSpace) -> [VectorSetting] {
        guard case .messages(let kind) = mode else { return [] }
        return (0..<count(kind, in: space)).map { setting(kind, $0, in: space) }
    }

    /// Returns the number of vectors to request when a mode starts: of MSI those the guest enabled, of MSI-X all up to
    /// the last unmasked one.
    public func initialCount(_ kind: MessageKind, in space: ConfigSpace) -> Int {
        switch kind {
        case .msi: return msi?.vectorCount(in: space) ?? 1
        case .msix:
            guard let msix, !msix.isFunctionMasked(in: space) else { return 0 }
            return (0..<table.count).last { !table.isMasked($0) }.map { $0 + 1 } ?? 0
        }
    }

    // MARK: Pending bits

    /// Returns the MSI pending bits in the position of a configuration read of `width` bytes at `offset`; zero if MSI
    /// is not the mode.
    public func pendingBits(readAt offset: Int, width: Int, in space: ConfigSpace, isPending: (_ vector: Int) -> Bool)
        -> UInt32
    {
        guard let msi, let register = msi.pendingOffset, ConfigSpace.touches(offset, width, register..<register + 4)
        else { return 0 }
        var bits: UInt64 = 0
        for vector in 0..<msi.vectorCount(in: space) where isPending(vector) { bits |= 1 << UInt64(vector) }
        let shifted =
            offset >= register ? bits >> UInt64(8 * (offset - register)) : bits << UInt64(8 * (register - offset))
        return UInt32(truncatingIfNeeded: shifted & (1 << UInt64(8 * width) - 1))
    }

    /// Returns the MSI-X pending bits for a read of `width` bytes at `offset` of their BAR. Bits beyond the last vector
    /// are zero.
    public func pendingArray(readAt offset: UInt64, width: Int, isPending: (_ vector: Int) -> Bool) -> UInt64 {
        guard let msix, msix.pendingRange.contains(offset) else { return 0 }
        var bits: UInt64 = 0
        let first = Int(offset - msix.pendingOffset) * 8
        for bit in 0..<width * 8 where first + bit < msix.vectorCount && isPending(first + bit) {
            bits |= 1 << UInt64(bit)
        }
        return bits
    }

    // MARK: Table

    /// Reads 1, 2, 4 or 8 bytes of the table at `offset` of its BAR; zero outside.
    public func readTable(at offset: UInt64, width: Int) -> UInt64 {
        guard let msix, offset >= msix.tableOffset else { return 0 }
        return table.read(offset - msix.tableOffset, width: width)
    }

    /// Writes 1, 2, 4 or 8 bytes at `offset` of the table's BAR.
    /// - Returns: the vectors that it touched: two if it extends from one entry's last word into the next entry; none
    ///   outside.
    public mutating func writeTable(at offset: UInt64, _ value: UInt64, width: Int) -> Range<Int> {
        guard let msix, offset >= msix.tableOffset,
            let first = table.write(offset - msix.tableOffset, value, width: width)
        else { return 0..<0 }
        let last = Int((offset - msix.tableOffset + UInt64(width) - 1) / 16)
        return first..<min(last + 1, table.count)
    }
}
