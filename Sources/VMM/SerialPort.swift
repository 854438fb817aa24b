import KVM
import Synchronization

/// A 16550A UART: National Semiconductor PC16550D data sheet. Transmission takes no time; received bytes wait in a queue.
public final class SerialPort: BusDevice, @unchecked Sendable {
    private struct State {
        var interruptEnable: UInt8 = 0
        var lineControl: UInt8 = 0
        var modemControl: UInt8 = 0
        var scratch: UInt8 = 0
        var divisor: UInt16 = 1
        var fifosEnabled = false
        /// The transmitter ran empty since IIR was last read.
        var transmitterEmptied = false
        var received: [UInt8] = []
        var receivedStart = 0
        /// A byte came in loopback and found no room.
        var overrun = false
        var line = false
        var receivedCount: Int { received.count - receivedStart }
    }

    private static let fifoSize = 16
    private static let compactionLimit = 4096
    private let state = Mutex(State())
    private let vm: VirtualMachine
    private let gsi: UInt32
    private let output: ConsoleOutput

    init(vm: VirtualMachine, gsi: UInt32, output: ConsoleOutput) {
        self.vm = vm
        self.gsi = gsi
        self.output = output
    }

    /// Hands the guest a byte from the console. Unbounded: the console reads only when the queue is short.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            // What was read goes now and then, or a guest that always leaves a byte would make the queue as long as its whole input.
            if state.receivedStart > Self.compactionLimit {
                state.received.removeFirst(state.receivedStart)
                state.receivedStart = 0
            }
            state.received.append(contentsOf: bytes)
            update(&state)
        }
    }

    /// How many bytes wait for the guest.
    var backlog: Int { state.withLock { $0.receivedCount } }

    public override func read(_ offset: UInt64, width: Int) -> UInt64 {
        state.withLock { state in UInt64(register(offset, &state)) }
    }

    private func register(_ offset: UInt64, _ state: inout State) -> UInt8 {
        let latched = state.lineControl & 0x80 != 0
        switch offset {
        case 0 where latched: return UInt8(truncatingIfNeeded: state.divisor)
        case 0:
            guard state.receivedCount > 0 else { return 0 }
            let byte = state.received[state.receivedStart]
            state.receivedStart += 1
            if state.receivedCount == 0 {
                state.received.removeAll(keepingCapacity: true)
                state.receivedStart = 0
            }
            update(&state)
            return byte
        case 1 where latched: return UInt8(state.divisor >> 8)
        case 1: return state.interruptEnable
        case 2:
            let cause = pendingCause(state)
            if cause == 0x02 {
                state.transmitterEmptied = false
                update(&state)
            }
            return cause | (state.fifosEnabled ? 0xC0 : 0)
        case 3: return state.lineControl
        case 4: return state.modemControl
        case 5:
            let status: UInt8 = 0x60 | (state.receivedCount > 0 ? 1 : 0) | (state.overrun ? 2 : 0)
            if state.overrun {
                state.overrun = false
                update(&state)
            }
            return status
        case 6:
            // In loopback the modem's inputs are its outputs, by which drivers tell that a UART is there.
            guard state.modemControl & 0x10 != 0 else { return 0xB0 }
            let control = state.modemControl
            return (control & 2) << 3 | (control & 1) << 5 | (control & 4) << 4 | (control & 8) << 4
        case 7: return state.scratch
        default: return 0xFF
        }
    }

    /// The interrupt identification: 0x06 line status, 0x04 received data, 0x02 transmitter empty, 0x01 none.
    private func pendingCause(_ state: State) -> UInt8 {
        if state.interruptEnable & 4 != 0 && state.overrun { return 0x06 }
        if state.interruptEnable & 1 != 0 && state.receivedCount > 0 { return 0x04 }
        if state.interruptEnable & 2 != 0 && state.transmitterEmptied { return 0x02 }
        return 0x01
    }

    public override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        let byte = UInt8(truncatingIfNeeded: value)
        let isSent = state.withLock { state -> Bool in
            let latched = state.lineControl & 0x80 != 0
            var isSent = false
            switch offset {
            case 0 where latched: state.divisor = state.divisor & 0xFF00 | UInt16(byte)
            case 0:
                if state.modemControl & 0x10 == 0 {
                    isSent = true
                } else if state.receivedCount < Self.fifoSize {
                    state.received.append(byte)
                } else {
                    // As in hardware, and so that a guest that never reads costs the host no memory.
                    state.overrun = true
                }
                state.transmitterEmptied = true
                update(&state)
            case 1 where latched: state.divisor = state.divisor & 0x00FF | UInt16(byte) << 8
            case 1:
                let enabledNow = byte & 2 != 0 && state.interruptEnable & 2 == 0
                state.interruptEnable = byte & 0x0F
                if enabledNow { state.transmitterEmptied = true }
                update(&state)
            case 2:
                state.fifosEnabled = byte & 1 != 0
                if byte & 2 != 0 {
                    state.received.removeAll(keepingCapacity: true)
                    state.receivedStart = 0
                    update(&state)
                }
            case 3: state.lineControl = byte
            case 4: state.modemControl = byte & 0x1F
            case 7: state.scratch = byte
            default: break
            }
            return isSent
        }
        // Not under the lock: a full console waits for the main thread, which looks at this port before it drains.
        if isSent { output.put(byte) }
    }

    private func update(_ state: inout State) {
        let level = pendingCause(state) != 0x01
        guard level != state.line else { return }
        state.line = level
        // The in-kernel irqchip exists for as long as the VM does; a refusal here has no meaning a guest could act on.
        try? vm.setLine(gsi, level)
    }
}
