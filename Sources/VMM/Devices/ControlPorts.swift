import Boot
import Synchronization

/// Port 0xF4, or another that was asked for: what the guest writes is the run's result.
final class ExitPort: BusDevice, @unchecked Sendable {
    static let standard: UInt16 = 0xF4

    static func entry(at port: UInt16) -> BoardEntry { BoardEntry("the exit port", at: port) }

    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0 else { return }
        runState.finish(.exitPort(UInt32(truncatingIfNeeded: value)))
    }
}

/// Port 0x505, pvpanic (QEMU's docs/specs/pvpanic): bit 0 written says the guest panicked. A read says which events are
/// heard: bit 0 alone.
final class PanicPort: BusDevice, @unchecked Sendable {
    static let entry = BoardEntry("the panic port", at: 0x505)
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { 1 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if value & 1 != 0 { runState.finish(.panic) }
    }
}

/// Port 0x92, system control A: bit 0 resets, bit 1 is the A20 gate. The gate is always open; what is written reads
/// back.
final class SystemControlA: BusDevice, @unchecked Sendable {
    static let entry = BoardEntry("system control A", at: 0x92)
    private let runState: RunState
    private let value = Atomic<UInt8>(2)

    init(_ runState: RunState) { self.runState = runState }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { UInt64(value.load(ordering: .relaxed)) }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        self.value.store(UInt8(truncatingIfNeeded: value) & 0xFE, ordering: .relaxed)
        if value & 1 != 0 { runState.finish(.reset("system control port 0x92")) }
    }
}

/// The port to which the boot ROM writes where a processor begins at the reset vector.
final class ResetVector: BusDevice, @unchecked Sendable {
    static let entry = BoardEntry("the boot ROM", at: BootROM.resetPort)
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        runState.finish(.reset("jump to the reset vector, f000:fff0"))
    }
}

/// The port to which the boot ROM writes where it gives up. The run ends as by 1 at the exit port, which may lie
/// elsewhere or nowhere.
final class ROMFailure: BusDevice, @unchecked Sendable {
    static let entry = BoardEntry("the boot ROM", at: BootROM.failurePort)
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) { runState.finish(.exitPort(1)) }
}

/// Port 0x80, where firmware writes how far it has come, and systems whatever they have when they want a microsecond to
/// pass.
final class POSTPort: BusDevice, @unchecked Sendable {
    static let entry = BoardEntry("the POST codes", at: 0x80)
    /// Above a byte's values: nothing was written yet.
    private static let none: UInt16 = 0x100
    private let value = Atomic<UInt16>(none)

    /// The last byte that was written; nil for none.
    var code: UInt8? {
        let value = value.load(ordering: .relaxed)
        return value == Self.none ? nil : UInt8(truncatingIfNeeded: value)
    }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { UInt64(code ?? 0xFF) }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        self.value.store(UInt16(UInt8(truncatingIfNeeded: value)), ordering: .relaxed)
    }
}
