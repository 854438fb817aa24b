import Synchronization

/// The i8042 keyboard controller, ports 0x60 (data) and 0x64 (command and status), without keyboard and mouse: IBM PS/2
/// Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
///
/// Every command is complete when its write returns. Commands for the absent devices are answered too: with the resend
/// code and the time-out bit, as a real controller does after waiting. So no guest has to wait.
final class KeyboardController: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: everything that changes is behind a lock.

    /// The entry of the controller itself.
    static let dataEntry = BoardEntry("the keyboard controller", at: 0x60)
    /// The entry of its `KeyboardCommandPort`: the ports between the two belong to other devices.
    static let commandEntry = BoardEntry("the keyboard controller", at: 0x64)
    static let gsi: UInt32 = 1

    private enum Status {
        static let outputFull: UInt8 = 0x01
        static let systemFlag: UInt8 = 0x04
        static let lastWasCommand: UInt8 = 0x08
        static let notInhibited: UInt8 = 0x10
        static let timeout: UInt8 = 0x40
    }

    /// Bits of the command byte.
    private enum Control {
        static let keyboardInterrupt: UInt8 = 0x01
        static let systemFlag: UInt8 = 0x04
        static let keyboardOff: UInt8 = 0x10
        static let mouseOff: UInt8 = 0x20
    }

    /// The purpose of the next byte at port 0x60.
    enum Destination: Sendable, Equatable {
        case keyboard, mouse, outputPort, outputBuffer
        case memory(Int)
    }

    struct State: Sendable, Equatable {
        var memory: [UInt8]
        var output: UInt8?
        var status: UInt8 = Status.notInhibited
        var destination = Destination.keyboard
        /// The output port: bit 0 keeps the processor out of reset, bit 1 opens the A20 gate, which is always open.
        var outputPort: UInt8 = 0x03
        var isUp = false
    }

    private let state: Mutex<State>
    private let runState: RunState
    private let setLine: @Sendable (Bool) -> Void

    /// - Parameter setLine: sets the level of IRQ 1.
    init(_ runState: RunState, setLine: @escaping @Sendable (Bool) -> Void) {
        var memory = [UInt8](repeating: 0, count: 32)
        memory[0] = Control.keyboardOff | Control.mouseOff
        state = Mutex(State(memory: memory))
        self.runState = runState
        self.setLine = setLine
    }

    /// Reads offset 0, port 0x60, or offset 4, port 0x64; the ports between are not the controller's.
    func save() -> State { state.withLock { $0 } }

    func restore(_ state: State) {
        self.state.withLock { $0 = state }
        if state.isUp { setLine(true) }
    }

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        switch offset {
        case 0:
            state.withLock { state in
                let value = state.output ?? 0
                state.output = nil
                state.status &= ~Status.timeout
                updateLine(&state)
                return UInt64(value)
            }
        case 4: state.withLock { UInt64($0.status | ($0.output == nil ? 0 : Status.outputFull)) }
        default: .max
        }
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        let value = UInt8(truncatingIfNeeded: value)
        switch offset {
        case 0: state.withLock { data(value, &$0) }
        case 4: state.withLock { command(value, &$0) }
        default: break
        }
    }

    private func command(_ command: UInt8, _ state: inout State) {
        state.status |= Status.lastWasCommand
        // A command cancels an earlier one that still waits for its data byte.
        state.destination = .keyboard
        switch command {
        case 0x20...0x3F: answer(state.memory[Int(command & 0x1F)], &state)
        case 0x60...0x7F: state.destination = .memory(Int(command & 0x1F))
        case 0xA7: setControl(state.memory[0] | Control.mouseOff, &state)
        case 0xA8: setControl(state.memory[0] & ~Control.mouseOff, &state)
        // Interface tests: the clock line does not move, since no device is connected.
        case 0xA9, 0xAB: answer(0x01, &state)
        case 0xAA:
            setControl(state.memory[0] | Control.systemFlag | Control.keyboardOff | Control.mouseOff, &state)
            answer(0x55, &state)
        case 0xAD: setControl(state.memory[0] | Control.keyboardOff, &state)
        case 0xAE: setControl(state.memory[0] & ~Control.keyboardOff, &state)
        // The input port: the keyboard lock is open.
        case 0xC0: answer(0x80, &state)
        case 0xD0: answer(state.outputPort | (state.output == nil ? 0 : 0x10), &state)
        case 0xD1: state.destination = .outputPort
        // Both buffers are the same: an answer without the mouse's mark says there is no mouse.
        case 0xD2, 0xD3: state.destination = .outputBuffer
        case 0xD4: state.destination = .mouse
        case 0xDD: state.outputPort &= ~0x02
        case 0xDF: state.outputPort |= 0x02
        // The test inputs: both clock lines are low.
        case 0xE0: answer(0, &state)
        // Pulses the lines of the output port whose bit is clear; line 0 resets.
        case 0xF0...0xFF: if command & 1 == 0 { reset("keyboard controller, port 0x64") }
        default: break
        }
    }

    private func data(_ value: UInt8, _ state: inout State) {
        state.status &= ~Status.lastWasCommand
        let destination = state.destination
        state.destination = .keyboard
        switch destination {
        case .memory(0): setControl(value, &state)
        case .memory(let place): state.memory[place] = value
        case .outputPort:
            state.outputPort = value
            if value & 1 == 0 { reset("keyboard controller's output port") }
        case .outputBuffer: answer(value, &state)
        case .keyboard, .mouse:
            answer(0xFE, &state)
            state.status |= Status.timeout
        }
    }

    private func answer(_ value: UInt8, _ state: inout State) {
        state.output = value
        state.status &= ~Status.timeout
        updateLine(&state)
    }

    private func setControl(_ value: UInt8, _ state: inout State) {
        state.memory[0] = value
        // The system flag of the status is a copy of the command byte's.
        state.status = state.status & ~Status.systemFlag | value & Control.systemFlag
        updateLine(&state)
    }

    /// Sets the line to the state of the output buffer.
    private func updateLine(_ state: inout State) {
        let isUp = state.output != nil && state.memory[0] & Control.keyboardInterrupt != 0
        guard isUp != state.isUp else { return }
        state.isUp = isUp
        setLine(isUp)
    }

    private func reset(_ how: String) { runState.finish(.reset(how)) }
}

/// The second port of a keyboard controller, which is not adjacent to the first.
final class KeyboardCommandPort: BusDevice, Stateless, @unchecked Sendable {
    // @unchecked: constant.
    private let controller: KeyboardController

    init(of controller: KeyboardController) { self.controller = controller }

    override func read(_ offset: UInt64, width: Int) -> UInt64 { controller.read(4 + offset, width: width) }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        controller.write(4 + offset, value, width: width)
    }
}
