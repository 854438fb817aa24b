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
        var interruptEnable: UInt8 = 0
        var lineControl: UInt8 = 0
        var modemControl: UInt8 = 0
        /// The low four bits of the modem status: which inputs changed since it was read last.
        var modemChanges: UInt8 = 0
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

        var isLoopback: Bool { modemControl & 0x10 != 0 }
        var hasReceiverInterrupt: Bool { interruptEnable & 1 != 0 }
        var capacity: Int { fifosEnabled ? ReceiveFIFO.size : 1 }

        /// CTS, DSR, RI and DCD, in the high four bits. In loopback the modem's inputs are its outputs, by which
        /// drivers tell that a UART is there.
        var modemInputs: UInt8 {
            guard isLoopback else { return 0xB0 }
            return (modemControl & 2) << 3 | (modemControl & 1) << 5 | (modemControl & 4) << 4 | (modemControl & 8) << 4
        }

        /// The interrupt identification: 0x06 line status, 0x04 received data, 0x0C character timeout, 0x02 transmitter
        /// empty, 0x00 modem status, 0x01 none.
        var cause: UInt8 {
            if interruptEnable & 4 != 0 && overrun { return 0x06 }
            if hasReceiverInterrupt {
                if received.count >= (fifosEnabled ? trigger : 1) { return 0x04 }
                if !received.isEmpty && hasTimedOut { return 0x0C }
            }
            if interruptEnable & 2 != 0 && isTransmitterEmptyPending { return 0x02 }
            if interruptEnable & 8 != 0 && modemChanges != 0 { return 0x00 }
            return 0x01
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
    private static let triggers = [1, 4, 8, 14]
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
        let dlab = state.lineControl & 0x80 != 0
        switch offset {
        case 0 where dlab: return UInt8(truncatingIfNeeded: state.divisor)
        case 0: return take(&state)
        case 1 where dlab: return UInt8(state.divisor >> 8)
        case 1: return state.interruptEnable
        case 2:
            let cause = state.cause
            if cause == 0x02 {
                state.isTransmitterEmptyPending = false
                update(&state)
            }
            return cause | (state.fifosEnabled ? 0xC0 : 0)
        case 3: return state.lineControl
        case 4: return state.modemControl
        case 5:
            let status: UInt8 = 0x60 | (state.findsByte() ? 1 : 0) | (state.overrun ? 2 : 0)
            state.overrun = false
            update(&state)
            return status
        case 6:
            let status = state.modemInputs | state.modemChanges
            state.modemChanges = 0
            update(&state)
            return status
        case 7: return state.scratch
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
            let dlab = state.lineControl & 0x80 != 0
            var isSent = false
            switch offset {
            case 0 where dlab: state.divisor = state.divisor & 0xFF00 | UInt16(byte)
            case 0:
                if state.isLoopback { turnAround(byte, &state) } else { isSent = true }
                state.isTransmitterEmptyPending = true
                update(&state)
            case 1 where dlab: state.divisor = state.divisor & 0x00FF | UInt16(byte) << 8
            case 1:
                let enabledNow = byte & ~state.interruptEnable
                state.interruptEnable = byte & 0x0F
                if enabledNow & 2 != 0 { state.isTransmitterEmptyPending = true }
                if enabledNow & 1 != 0 {
                    if state.received.isEmpty { state.arrivals = 0 }
                    state.receive(atMost: ReceiveFIFO.size)
                    state.hasTimedOut = true
                }
                update(&state)
            case 2: controlFIFOs(byte, &state)
            case 3: state.lineControl = byte
            case 4:
                let before = state.modemInputs
                state.modemControl = byte & 0x1F
                let changed = before ^ state.modemInputs
                // The ring indicator's bit tells of its end alone.
                state.modemChanges |= (changed & 0xB0 | before & changed & 0x40) >> 4
                if state.hasReceiverInterrupt { state.receive(atMost: ReceiveFIFO.size) }
                update(&state)
            case 7: state.scratch = byte
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
    private func controlFIFOs(_ byte: UInt8, _ state: inout State) {
        let isEnabled = byte & 1 != 0
        let isReset = isEnabled != state.fifosEnabled || isEnabled && byte & 2 != 0
        state.fifosEnabled = isEnabled
        state.trigger = isEnabled ? Self.triggers[Int(byte >> 6)] : 1
        if isReset {
            state.resetReceiver()
            callMainThread(&state)
        }
        update(&state)
    }

    private func update(_ state: inout State) {
        let level = state.cause != 0x01
        guard level != state.line else { return }
        state.line = level
        // The in-kernel irqchip exists for as long as the VM does; a refusal here has no meaning a guest could act on.
        try? vm.setLine(gsi, level)
    }
}
