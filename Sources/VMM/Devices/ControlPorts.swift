import Boot
import Synchronization

/// Port 0xF4, or another requested port: the value that the guest writes is the run's result.
final class ExitPort: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    static let standard: UInt16 = 0xF4

    static func entry(at port: UInt16) -> BoardEntry { BoardEntry("the exit port", at: port) }

    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0 else { return }
        runState.finish(.exitPort(UInt32(truncatingIfNeeded: value)))
    }
}

/// Port 0x505, pvpanic (QEMU's docs/specs/pvpanic): writing bit 0 reports the guest's panic. A read returns the
/// supported events: only bit 0.
final class PanicPort: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    static let entry = BoardEntry("the panic port", at: 0x505)
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { 1 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if value & 1 != 0 { runState.finish(.panic) }
    }
}

/// Port 0x92, system control A: bit 0 resets, bit 1 is the A20 gate. The gate is always open; written values read back.
final class SystemControlA: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: what changes is atomic.
    static let entry = BoardEntry("system control A", at: 0x92)
    private let runState: RunState
    private let value = Atomic<UInt8>(2)

    init(_ runState: RunState) { self.runState = runState }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { UInt64(value.load(ordering: .relaxed)) }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        self.value.store(UInt8(truncatingIfNeeded: value) & 0xFE, ordering: .relaxed)
        if value & 1 != 0 { runState.finish(.reset("system control port 0x92")) }
    }

    func save() -> UInt8 { value.load(ordering: .relaxed) }
    func restore(_ state: UInt8) { value.store(state, ordering: .relaxed) }
}

/// The port that the boot ROM writes to when a processor starts at the reset vector.
final class ResetVector: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    static let entry = BoardEntry("the boot ROM", at: BootROM.resetPort)
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        runState.finish(.reset("jump to the reset vector, f000:fff0"))
    }
}

/// The port that the boot ROM writes to when it gives up. The run ends as by 1 at the exit port, which may have another
/// number or not exist.
final class ROMFailure: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    static let entry = BoardEntry("the boot ROM", at: BootROM.failurePort)
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) { runState.finish(.exitPort(1)) }
}

/// Port 0x80: firmware writes its progress to it, and systems write any value to wait a microsecond.
final class POSTPort: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: what changes is atomic.
    static let entry = BoardEntry("the POST codes", at: 0x80)
    /// Above a byte's values: no byte was written yet.
    private static let none: UInt16 = 0x100
    private let value = Atomic<UInt16>(none)

    /// The last byte written; nil for none.
    var code: UInt8? {
        let value = value.load(ordering: .relaxed)
        return value == Self.none ? nil : UInt8(truncatingIfNeeded: value)
    }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { UInt64(code ?? 0xFF) }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        self.value.store(UInt16(UInt8(truncatingIfNeeded: value)), ordering: .relaxed)
    }

    func save() -> UInt16 { value.load(ordering: .relaxed) }
    func restore(_ state: UInt16) { value.store(state, ordering: .relaxed) }
}
