import KVM
import LinuxSystem
import Synchronization

/// A 16550A UART: National Semiconductor PC16550D data sheet. Transmission takes no time.
///
/// What the host has for the guest waits outside and is received as the guest takes it: sixteen bytes at most, one with
/// the FIFOs off. Only those are lost by a reset of the FIFO. A guest that polls is given the next byte when it reads
/// one; a guest that takes interrupts has its FIFO filled a millisecond after it emptied it, so that it is interrupted
/// no faster than a line of 160 kbaud does. After a full FIFO's worth the guest finds the receiver empty at least once,
/// as it would between two characters on a line.
public final class SerialPort: BusDevice, @unchecked Sendable {
    static let entry = BoardEntry("COM1", at: 0x3F8, count: 8)
    static let gsi: UInt32 = 4

    private struct State {
        var interruptEnable: UART.InterruptEnable = []
        var lineControl: UART.LineControl = []
        var modemControl: UART.ModemControl = []
        /// The low four bits of the modem status: which inputs changed since it was read last.
        var modemChanges: UART.ModemStatus = []
        var scratch: UInt8 = 0
        var divisor: UInt16 = 1
        var fifosEnabled = false
        /// How many bytes make the receiver's interrupt with FIFOs on.
        var trigger = 1
        /// The transmitter ran empty since IIR was last read.
        var isTransmitterEmptyPending = false
        var received = ReceiveFIFO()
        var waiting = WaitingInput()
        /// How many of the host's bytes were received since the guest found the receiver empty.
        var arrivals = 0
        /// Less than the trigger level has lain in the FIFO for four characters' time: data sheet, section 8.11, FIFO
        /// interrupt mode.
        var hasTimedOut = false
        /// A byte came in loopback and found no room.
        var overrun = false
        var line = false
        /// Whether the main thread has more, and wants to know when there is room.
        var isAskedForRoom = false
        /// Whether `attention` was signalled for `resume`, which has not come yet.
        var isDue = false

        var isLoopback: Bool { modemControl.contains(.loopback) }
        var hasReceiverInterrupt: Bool { interruptEnable.contains(.receivedData) }
        var hasDivisorLatch: Bool { lineControl.contains(.divisorLatchAccess) }
        var capacity: Int { fifosEnabled ? ReceiveFIFO.size : 1 }

        /// The modem's inputs. In loopback they are its outputs, by which drivers tell that a UART is there.
        var modemInputs: UART.ModemStatus {
            guard isLoopback else { return [.clearToSend, .dataSetReady, .carrierDetect] }
            var inputs: UART.ModemStatus = []
            if modemControl.contains(.requestToSend) { inputs.insert(.clearToSend) }
            if modemControl.contains(.dataTerminalReady) { inputs.insert(.dataSetReady) }
            if modemControl.contains(.out1) { inputs.insert(.ringIndicator) }
            if modemControl.contains(.out2) { inputs.insert(.carrierDetect) }
            return inputs
        }

        /// What interrupts.
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

        /// Receives what waits, as far as the receiver has room for it.
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

        /// The guest looks for a byte. For a guest that polls the next one stays outside until it is read, so that no
        /// reset takes it away. Where a full FIFO's worth came, it finds none this time.
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

    /// As many bytes of the host's as wait here at most; what answers the guest's console comes on top.
    static let waitingLimit = 1024
    private let state = Mutex(State())
    private let vm: VirtualMachine
    private let gsi: UInt32
    private let output: ConsoleOutput
    /// Signalled when the main thread has something to do here: `resume` a millisecond later, and more input where it
    /// had no room before.
    let attention: EventDescriptor

    init(vm: VirtualMachine, gsi: UInt32, output: ConsoleOutput) throws(SystemCallError) {
        self.vm = vm
        self.gsi = gsi
        self.output = output
        attention = try EventDescriptor("serial port")
    }

    // MARK: The host's side, from the main thread

    /// Hands the guest bytes from the console. They wait for as long as the guest does not take them, whatever their
    /// number.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            state.waiting.append(bytes)
            if state.hasReceiverInterrupt { state.receive(atMost: ReceiveFIFO.size) }
            update(&state)
        }
    }

    /// How many more bytes may wait. Where it is 0, `attention` is signalled when half of them have gone.
    func room() -> Int {
        state.withLock { state in
            let room = max(Self.waitingLimit - state.waiting.count, 0)
            state.isAskedForRoom = room == 0
            return room
        }
    }

    /// How many bytes the guest has not taken.
    var backlog: Int { state.withLock { $0.waiting.count + $0.received.count } }

    /// The time of some characters went by since `attention` was signalled: receives what waits, and lets what lies in
    /// the FIFO time out.
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
        case UART.Register.data: return take(&state)
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

    private func take(_ state: inout State) -> UInt8 {
        if state.received.isEmpty, state.findsByte() { state.receive(atMost: 1) }
        guard let byte = state.received.removeFirst() else { return 0 }
        // The timeout's clock starts anew with each byte that is read.
        state.hasTimedOut = false
        if state.received.isEmpty, state.waiting.count == 0 { state.arrivals = 0 }
        let hasRoom = state.isAskedForRoom && state.waiting.count <= Self.waitingLimit / 2
        if hasRoom { state.isAskedForRoom = false }
        callMainThread(&state, also: hasRoom)
        update(&state)
        return byte
    }

    /// Signals `attention` where the receiver has something to do in a while: more to receive, or a timeout that is to
    /// come.
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
        // Not under the lock: a full console waits for the main thread, which looks at this port before it drains.
        if isSent { output.put(byte) }
    }

    /// A byte that loopback sends back. Without room the FIFO keeps what it has; the one register of a receiver without
    /// FIFO is overwritten.
    private func turnAround(_ byte: UInt8, _ state: inout State) {
        if state.received.count >= state.capacity {
            state.overrun = true
            if state.fifosEnabled { return }
            state.received.removeAll()
        }
        state.received.append(byte)
        state.hasTimedOut = true
    }

    /// FCR. Turning the FIFOs on or off empties them; the other bits count only with bit 0. PC16550D data sheet,
    /// section 8.4.
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
        // The in-kernel irqchip exists for as long as the VM does; a refusal here has no meaning a guest could act on.
        try? vm.setLine(gsi, level)
    }
}
