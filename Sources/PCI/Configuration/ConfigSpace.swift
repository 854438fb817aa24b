/// A function's configuration space as a guest sees it, with an owner for each bit.
///
/// A bit is one of: *fixed* (the view's value, writes are dropped), *virtual* (the view's value, the guest may change
/// it), *live* (read from the hardware). In addition, writes of a *forwarded* bit go to the hardware, with the value
/// the guest wrote. Offsets outside read all ones, as an absent function does.
public struct ConfigSpace: Sendable, Equatable {
    /// 256, or 4096 with PCI Express extended space.
    public let size: Int
    private var view: [UInt8]
    private var writable: [UInt8]
    private var live: [UInt8]
    private var forwarded: [UInt8]
    /// The bits that a forwarded write carries where bits are not forwarded: the device keeps them as the host set
    /// them.
    private var held: [UInt8]

    /// Creates a space that is all zero and fixed.
    /// - Parameter size: 256 or 4096.
    public init(size: Int = 256) {
        self.size = size == 4096 ? 4096 : 256
        view = [UInt8](repeating: 0, count: self.size)
        writable = view
        live = view
        forwarded = view
        held = view
    }

    // MARK: Laying out

    /// Sets the view's value. Little-endian, `width` bytes; bytes outside are dropped.
    public mutating func set(_ offset: Int, _ value: UInt32, width: Int) {
        Self.store(value, width, &view, offset, size)
    }

    /// Sets the owners of bits. A mask of nil leaves that property unchanged.
    /// - Parameters:
    ///   - writable: bits the guest changes in its view.
    ///   - live: bits read from the hardware.
    ///   - forwarded: bits whose writes go to the hardware.
    public mutating func setMasks(
        _ offset: Int, width: Int, writable: UInt32? = nil, live: UInt32? = nil, forwarded: UInt32? = nil
    ) {
        if let writable { Self.store(writable, width, &self.writable, offset, size) }
        if let live { Self.store(live, width, &self.live, offset, size) }
        if let forwarded { Self.store(forwarded, width, &self.forwarded, offset, size) }
    }

    private static func store(_ value: UInt32, _ width: Int, _ bytes: inout [UInt8], _ offset: Int, _ size: Int) {
        for index in 0..<width where offset + index >= 0 && offset + index < size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
        }
    }

    private func load(_ bytes: [UInt8], _ offset: Int, _ width: Int, beyond: UInt8 = 0) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<width {
            let place = offset + index
            let byte = place >= 0 && place < size ? bytes[place] : beyond
            value |= UInt32(byte) << UInt32(8 * index)
        }
        return value
    }

    // MARK: Reading and writing

    /// Returns the view's value, with live bits as last set.
    /// - Parameter width: 1...4 bytes.
    public func read(_ offset: Int, width: Int) -> UInt32 {
        load(view, offset, width, beyond: 0xFF)
    }

    /// Returns the bits of a read that come from the hardware.
    public func hardwareReadMask(_ offset: Int, width: Int) -> UInt32 { load(live, offset, width) }

    /// Returns the bits of a write that go to the hardware.
    public func hardwareWriteMask(_ offset: Int, width: Int) -> UInt32 { load(forwarded, offset, width) }

    /// Returns the value to write to the hardware for a guest's write that the view has already accepted: for virtual
    /// bits the view's value, which may differ from the guest's; for other forwarded bits the guest's.
    public func hardwareWriteValue(_ offset: Int, _ value: UInt32, width: Int) -> UInt32 {
        let virtual = load(writable, offset, width)
        return (value & ~virtual | load(view, offset, width) & virtual) & load(forwarded, offset, width)
            | load(held, offset, width)
    }

    /// Sets the value of bits that are not forwarded, in a register that also has forwarded bits.
    public mutating func hold(_ offset: Int, _ value: UInt32, width: Int) {
        Self.store(value, width, &held, offset, size)
    }

    /// Returns true if the guest's write changes bits of the view.
    public func isVirtual(_ offset: Int, width: Int) -> Bool { load(writable, offset, width) != 0 }

    /// Applies a guest's write: changes only the view's writable bits.
    public mutating func write(_ offset: Int, _ value: UInt32, width: Int) {
        let mask = load(writable, offset, width)
        let old = load(view, offset, width)
        Self.store(old & ~mask | value & mask, width, &view, offset, size)
    }

    // MARK: Registers

    public var command: Command {
        get { Command(rawValue: UInt16(truncatingIfNeeded: read(ConfigRegister.command, width: 2))) }
        set { set(ConfigRegister.command, UInt32(newValue.rawValue), width: 2) }
    }

    /// Returns true if a write of `width` bytes at `offset` touches a byte of `range`.
    public static func touches(_ offset: Int, _ width: Int, _ range: Range<Int>) -> Bool {
        offset < range.upperBound && offset + width > range.lowerBound
    }
}
