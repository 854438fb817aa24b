import LinuxSystem
import Synchronization

/// PM1a status and enable, two ports each: ACPI 6.5, section 4.8.3.1. No event ever occurs, so the status stays 0;
/// enabled bits read back.
final class PowerEvents: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: what changes is atomic.
    static let entry = BoardEntry("ACPI's PM1 events", at: 0x600, count: 4)
    /// The system control interrupt, which is never raised.
    static let gsi: UInt32 = 9
    private let enable = Atomic<UInt16>(0)

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        (UInt64(enable.load(ordering: .relaxed)) << 16) >> (offset * 8)
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        switch (offset, width) {
        case (0, 4...): enable.store(UInt16(truncatingIfNeeded: value >> 16), ordering: .relaxed)
        case (2, 2...): enable.store(UInt16(truncatingIfNeeded: value), ordering: .relaxed)
        default: break
        }
    }

    func save() -> UInt16 { enable.load(ordering: .relaxed) }
    func restore(_ state: UInt16) { enable.store(state, ordering: .relaxed) }
}

/// PM1a control: a write with SLP_EN (bit 13) enters a sleep state; the only one is S5, soft off. ACPI 6.5, section
/// 4.8.3.2.1.
final class PowerManagement: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: all it has is constant.
    /// The same port as on QEMU's q35.
    static let entry = BoardEntry("ACPI's PM1 control", at: 0x604, count: 2)
    /// SLP_TYP of soft off. Other values power off too: there is no other state.
    static let sleepTypeS5: UInt8 = 0
    private let runState: RunState

    init(_ runState: RunState) { self.runState = runState }

    // SCI_EN: ACPI mode is always on.
    override func read(_ offset: UInt64, width: Int) -> UInt64 { offset == 0 ? 1 : 0 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if offset == 0, width >= 2, value & 1 << 13 != 0 { runState.finish(.powerOff) }
    }
}

/// The power management timer: 32 bits that count at 3.579545 MHz. ACPI 6.5, section 4.8.3.3.
///
/// In a new machine it goes on from its old count, as the timestamp counter does: kernels compare the two.
final class PowerTimer: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: what changes is atomic.
    static let entry = BoardEntry("ACPI's PM timer", at: 0x608, count: 4)
    static let frequency: UInt64 = 3_579_545

    private let clock: @Sendable () -> UInt64
    /// The value of `clock` at which the timer was zero, modulo 2^64.
    private let zero = Atomic<UInt64>(0)

    /// - Parameter clock: nanoseconds since any moment.
    init(clock: @escaping @Sendable () -> UInt64 = { MonotonicClock.now }) { self.clock = clock }

    /// Returns the nanoseconds since the timer was zero.
    func save() -> UInt64 { clock() &- zero.load(ordering: .relaxed) }
    func restore(_ state: UInt64) { zero.store(clock() &- state, ordering: .relaxed) }

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        let now = save()
        let second: UInt64 = 1_000_000_000
        let ticks = now / second &* Self.frequency &+ now % second &* Self.frequency / second
        return (ticks & 0xFFFF_FFFF) >> (offset * 8)
    }
}
