import KVM
import LinuxSystem
import Synchronization

/// A 16550A UART: National Semiconductor PC16550D data sheet. Transmission takes no time.
///
/// Bytes for the guest wait outside the UART and are received as the guest reads: at most sixteen, or one with the
/// FIFOs off. A reset of the FIFO loses only these. A guest that polls gets the next byte when it reads one; a guest
/// that uses interrupts has its FIFO refilled a millisecond after it emptied it, so that interrupts are no more
/// frequent than on a line of 160 kbaud. After sixteen bytes the guest finds the receiver empty at least once, as
/// between two characters on a line.
public final class SerialPort: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.
    static let entry = BoardEntry("COM1", at: 0x3F8, count: 8)
    static let gsi: UInt32 = 4

    public struct State: Sendable, Equatable {
        var interruptEnable: UART.InterruptEnable = []
        var lineControl: UART.LineControl = []
        var modemControl: UART.ModemControl = []
        /// The low four bits of the modem status: the inputs that changed since the last read.
        var modemChanges: UART.ModemStatus = []
        var scratch: UInt8 = 0
        var divisor: UInt16 = 1
        var fifosEnabled = false
        /// The number of bytes that triggers the receiver's interrupt with FIFOs on.
        var trigger = 1
        /// The transmitter ran empty since IIR was last read.
        var isTransmitterEmptyPending = false
        var received = ReceiveFIFO()
        var waiting = WaitingInput()
        /// The number of bytes received since the guest found the receiver empty.
        var arrivals = 0
        /// Bytes below the trigger level have been in the FIFO for four characters' time: data sheet, section 8.11,
        /// FIFO interrupt mode.
        var hasTimedOut = false
        /// A byte came in loopback and found the receiver full.
        var overrun = false
        var line = false
        /// True if the main thread has more bytes, and waits for room.
        var isAskedForRoom = false
        /// True if `attention` was signalled for `resume`, which was not called yet.
        var isDue = false

        var isLoopback: Bool { modemControl.contains(.loopback) }
        var hasReceiverInterrupt: Bool { interruptEnable.contains(.receivedData) }
        var hasDivisorLatch: Bool { lineControl.contains(.divisorLatchAccess) }
        var capacity: Int { fifosEnabled ? ReceiveFIFO.size : 1 }

        /// The modem's inputs. In loopback they are its outputs, by which drivers detect a UART.
        var modemInputs: UART.ModemStatus {
            guard isLoopback else { return [.clearToSend, .dataSetReady, .carrierDetect] }
            var inputs: UART.ModemStatus = []
            if modemControl.contains(.requestToSend) { inputs.insert(.clearToSend) }
            if modemControl.contains(.dataTerminalReady) { inputs.insert(.dataSetReady) }
            if modemControl.contains(.out1) { inputs.insert(.ringIndicator) }
            if modemControl.contains(.out2) { inputs.insert(.carrierDetect) }
            return inputs
        }

        /// The cause of the interrupt.
        var cause: UART.Interrupt {
            if interruptEnable.contains(.lineStatus) && overrun { return .lineStatus }
            if hasReceiverInterrupt {
                if received.count >= (fifosEnabled ? trigger : 1) { return .receivedData }
                if !received.isEmpty && hasTimedOut { return .characterTimeout }
            }
            if interruptEnable.contains(.transmitterEmpty) && isTransmitterEmptyPending { return .transmitterEmpty }
            if interruptEnable.contains(.modemStatus) && !modemChanges.isEmpty { return .modemStatus }
            return .none
        }

        /// Receives waiting bytes for which the receiver has room.
        mutating func receive(atMost limit: Int) {
            guard !isLoopback else { return }
            var room = min(limit, capacity - received.count, capacity - arrivals)
            while room > 0, let byte = waiting.removeFirst() {
                received.append(byte)
                arrivals += 1
                room -= 1
                hasTimedOut = true
            }
        }

        /// Checks if a byte is available, when the guest looks for one. For a guest that polls the next byte stays
        /// outside until it is read, so that no reset loses it. After sixteen bytes it finds none once.
        mutating func findsByte() -> Bool {
            if !received.isEmpty { return true }
            guard !isLoopback, waiting.count > 0 else { return false }
            if arrivals < capacity {
                if hasReceiverInterrupt { receive(atMost: capacity) }
                return true
            }
            if !hasReceiverInterrupt { arrivals = 0 }
            return false
        }

        mutating func resetReceiver() {
            received.removeAll()
            hasTimedOut = false
            arrivals = waiting.count > 0 ? capacity : 0
        }
    }

    /// The largest number of waiting bytes of the console; answers to the guest come in addition.
    static let waitingLimit = 1024
    private let state = Mutex(State())
    private let vm: VirtualMachine
    private let gsi: UInt32
    private let output: ConsoleOutput
    /// Signalled when the main thread has work here: `resume` a millisecond later, and more input if there was no room
    /// before.
    let attention: EventDescriptor

    init(vm: VirtualMachine, gsi: UInt32, output: ConsoleOutput) throws(SystemCallError) {
        self.vm = vm
        self.gsi = gsi
        self.output = output
        attention = try EventDescriptor("serial port")
    }

    // MARK: State

    public func save() -> State { state.withLock { $0 } }

    public func restore(_ state: State) {
        self.state.withLock { $0 = state }
        if state.line { try? vm.setLine(gsi, true) }
        // The main thread's part begins anew: to receive more in a while, or to hear that there is room.
        if state.isDue || state.isAskedForRoom { attention.signal() }
    }

    // MARK: The host's side, from the main thread

    /// Adds bytes from the console for the guest, any number. They wait until the guest reads them.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            state.waiting.append(bytes)
            if state.hasReceiverInterrupt { state.receive(atMost: ReceiveFIFO.size) }
            update(&state)
        }
    }

    /// Returns the number of further bytes that may wait. If it is 0, `attention` is signalled when half of them are
    /// gone.
    func room() -> Int {
        state.withLock { state in
            let room = max(Self.waitingLimit - state.waiting.count, 0)
            state.isAskedForRoom = room == 0
            return room
        }
    }

    /// The number of bytes that the guest has not read.
    var backlog: Int { state.withLock { $0.waiting.count + $0.received.count } }

    /// Continues reception, some characters' time after `attention` was signalled: receives waiting bytes, and times
    /// out bytes in the FIFO.
    func resume() {
        state.withLock { state in
            state.isDue = false
            guard state.hasReceiverInterrupt else { return }
            if state.received.isEmpty {
                state.arrivals = 0
                state.receive(atMost: ReceiveFIFO.size)
            }
            state.hasTimedOut = true
            update(&state)
        }
    }

    // MARK: The guest's side

    public override func read(_ offset: UInt64, width: Int) -> UInt64 {
        state.withLock { state in UInt64(register(offset, &state)) }
    }

    private func register(_ offset: UInt64, _ state: inout State) -> UInt8 {
        switch offset {
        case UART.Register.divisorLow where state.hasDivisorLatch: return UInt8(truncatingIfNeeded: state.divisor)
        case UART.Register.divisorHigh where state.hasDivisorLatch: return UInt8(state.divisor >> 8)
        case UART.Register.data: return receiveByte(&state)
        case UART.Register.interruptEnable: return state.interruptEnable.rawValue
        case UART.Register.interruptIdentification:
            let cause = state.cause
            if cause == .transmitterEmpty {
                state.isTransmitterEmptyPending = false
                update(&state)
            }
            return cause.rawValue | (state.fifosEnabled ? UART.fifosEnabled : 0)
        case UART.Register.lineControl: return state.lineControl.rawValue
        case UART.Register.modemControl: return state.modemControl.rawValue
        case UART.Register.lineStatus:
            var status: UART.LineStatus = [.transmitterHoldingEmpty, .transmitterEmpty]
            if state.findsByte() { status.insert(.dataReady) }
            if state.overrun { status.insert(.overrunError) }
            state.overrun = false
            update(&state)
            return status.rawValue
        case UART.Register.modemStatus:
            let status = state.modemInputs.union(state.modemChanges)
            state.modemChanges = []
            update(&state)
            return status.rawValue
        case UART.Register.scratch: return state.scratch
        default: return 0xFF
        }
    }

    private func receiveByte(_ state: inout State) -> UInt8 {
        if state.received.isEmpty, state.findsByte() { state.receive(atMost: 1) }
        guard let byte = state.received.removeFirst() else { return 0 }
        // Each byte that is read restarts the timeout.
        state.hasTimedOut = false
        if state.received.isEmpty, state.waiting.count == 0 { state.arrivals = 0 }
        let hasRoom = state.isAskedForRoom && state.waiting.count <= Self.waitingLimit / 2
        if hasRoom { state.isAskedForRoom = false }
        callMainThread(&state, also: hasRoom)
        update(&state)
        return byte
    }

    /// Signals `attention` if the receiver has work later: more to receive, or a timeout.
    private func callMainThread(_ state: inout State, also hasRoom: Bool = false) {
        let hasMore = state.received.isEmpty ? state.waiting.count > 0 : state.received.count < state.trigger
        let isDue = state.hasReceiverInterrupt && hasMore
        guard isDue && !state.isDue || hasRoom else { return }
        state.isDue = state.isDue || isDue
        attention.signal()
    }

    public override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        let byte = UInt8(truncatingIfNeeded: value)
        let isSent = state.withLock { state -> Bool in
            var isSent = false
            switch offset {
            case UART.Register.divisorLow where state.hasDivisorLatch:
                state.divisor = state.divisor & 0xFF00 | UInt16(byte)
            case UART.Register.divisorHigh where state.hasDivisorLatch:
                state.divisor = state.divisor & 0x00FF | UInt16(byte) << 8
            case UART.Register.data:
                if state.isLoopback { turnAround(byte, &state) } else { isSent = true }
                state.isTransmitterEmptyPending = true
                update(&state)
            case UART.Register.interruptEnable:
                let enabled = UART.InterruptEnable(rawValue: byte).intersection(.all)
                let enabledNow = enabled.subtracting(state.interruptEnable)
                state.interruptEnable = enabled
                if enabledNow.contains(.transmitterEmpty) { state.isTransmitterEmptyPending = true }
                if enabledNow.contains(.receivedData) {
                    if state.received.isEmpty { state.arrivals = 0 }
                    state.receive(atMost: ReceiveFIFO.size)
                    state.hasTimedOut = true
                }
                update(&state)
            case UART.Register.fifoControl: controlFIFOs(UART.FIFOControl(rawValue: byte), &state)
            case UART.Register.lineControl: state.lineControl = UART.LineControl(rawValue: byte)
            case UART.Register.modemControl:
                let before = state.modemInputs
                state.modemControl = UART.ModemControl(rawValue: byte).intersection(.all)
                state.modemChanges.formUnion(.changes(from: before, to: state.modemInputs))
                if state.hasReceiverInterrupt { state.receive(atMost: ReceiveFIFO.size) }
                update(&state)
            case UART.Register.scratch: state.scratch = byte
            default: break
            }
            return isSent
        }
        // Not under the lock: a full console waits for the main thread, which checks this port before it drains.
        if isSent { output.put(byte) }
    }

    /// Sends a byte back in loopback. A full FIFO keeps its contents; the single register of a receiver without FIFO is
    /// overwritten.
    private func turnAround(_ byte: UInt8, _ state: inout State) {
        if state.received.count >= state.capacity {
            state.overrun = true
            if state.fifosEnabled { return }
            state.received.removeAll()
        }
        state.received.append(byte)
        state.hasTimedOut = true
    }

    /// Writes FCR. Turning the FIFOs on or off empties them; the other bits require bit 0. PC16550D data sheet, section
    /// 8.4.
    private func controlFIFOs(_ control: UART.FIFOControl, _ state: inout State) {
        let isEnabled = control.contains(.enable)
        let isReset = isEnabled != state.fifosEnabled || isEnabled && control.contains(.resetReceiver)
        state.fifosEnabled = isEnabled
        state.trigger = isEnabled ? control.trigger : 1
        if isReset {
            state.resetReceiver()
            callMainThread(&state)
        }
        update(&state)
    }

    private func update(_ state: inout State) {
        let level = state.cause != .none
        guard level != state.line else { return }
        state.line = level
        // The in-kernel irqchip exists as long as the VM does; a guest could not react to an error.
        try? vm.setLine(gsi, level)
    }
}
