import Synchronization

/// The CRT controller's registers without a display: written values read back, which kernels that print to text memory
/// need for their cursor. IBM VGA, described in FreeVGA ("CRT Controller Registers").
///
/// | port | register |
/// |---|---|
/// | 0x3D4, and 0x3B4 of a monochrome display | index |
/// | 0x3D5, 0x3B5 | the register it names: 0x00 to 0x18; others read all ones |
///
/// Both displays share one set of registers, as on a VGA.
final class CRTController: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: the registers are behind a lock.
    static let entry = BoardEntry("the CRT controller", 0x3D4..<0x3D6, 0x3B4..<0x3B6)
    private static let count = 25

    struct State: Sendable, Equatable {
        var index: UInt8 = 0
        var registers = InlineArray<25, UInt8>(repeating: 0)

        static func == (left: State, right: State) -> Bool {
            left.index == right.index && left.registers.indices.allSatisfy { left.registers[$0] == right.registers[$0] }
        }
    }

    private let state = Mutex(State())

    func save() -> State { state.withLock { $0 } }
    func restore(_ state: State) { self.state.withLock { $0 = state } }

    /// The start address, in characters: registers 12 and 13.
    var start: UInt16 { state.withLock { UInt16($0.registers[12]) << 8 | UInt16($0.registers[13]) } }

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        state.withLock { state in
            let data = Int(state.index) < Self.count ? UInt64(state.registers[Int(state.index)]) : 0xFF
            if offset > 0 { return data | ~0xFF }
            return width > 1 ? UInt64(state.index) | data << 8 | ~0xFFFF : UInt64(state.index)
        }
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        state.withLock { state in
            if offset == 0 { state.index = UInt8(truncatingIfNeeded: value) }
            // A word to the index port writes index and register, as VGA drivers often do.
            guard offset == 1 || width > 1, Int(state.index) < Self.count else { return }
            state.registers[Int(state.index)] = UInt8(truncatingIfNeeded: offset == 1 ? value : value >> 8)
        }
    }
}

/// Input status 1 of the same display, 0x3DA and 0x3BA: retrace begins and ends with each read, so that no guest waits
/// for it forever.
final class DisplayStatus: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: what changes is atomic.
    static let entry = BoardEntry("the CRT controller", 0x3DA..<0x3DB, 0x3BA..<0x3BB)
    /// Vertical retrace, and no display at this moment.
    private static let retrace: UInt8 = 0x09
    private let value = Atomic<UInt8>(0)

    func save() -> UInt8 { value.load(ordering: .relaxed) }
    func restore(_ state: UInt8) { value.store(state, ordering: .relaxed) }

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        UInt64(value.bitwiseXor(Self.retrace, ordering: .relaxed).newValue)
    }
}
