import Synchronization

/// Port 0xF4: what the guest writes is the run's result.
final class ExitPort: BusDevice, @unchecked Sendable {
    private let ending: Ending

    init(_ ending: Ending) { self.ending = ending }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0 else { return }
        ending.finish(.exitPort(UInt32(truncatingIfNeeded: value)))
    }
}

/// Port 0x505, pvpanic: bit 0 written says the guest panicked. A read says which events are heard: bit 0 alone.
final class PanicPort: BusDevice, @unchecked Sendable {
    private let ending: Ending

    init(_ ending: Ending) { self.ending = ending }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { 1 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if value & 1 != 0 { ending.finish(.panic) }
    }
}

/// The keyboard controller's command port 0x64, of which guests here want one thing: 0xFE, pulse the reset line.
final class KeyboardController: BusDevice, @unchecked Sendable {
    private let ending: Ending

    init(_ ending: Ending) { self.ending = ending }

    // Input and output buffers empty.
    override func read(_ offset: UInt64, width: Int) -> UInt64 { 0 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if offset == 0, value & 0xFF == 0xFE { ending.finish(.reset("keyboard controller, port 0x64")) }
    }
}

/// Port 0x92, system control A: bit 0 resets, bit 1 is the A20 gate, which is always open.
final class SystemControlA: BusDevice, @unchecked Sendable {
    private let ending: Ending

    init(_ ending: Ending) { self.ending = ending }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { 2 }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        if value & 1 != 0 { ending.finish(.reset("system control port 0x92")) }
    }
}
