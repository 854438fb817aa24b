import Bytes
import CLinux
public import KVM
import LinuxSystem
import Synchronization
import SystemPackage

/// The number of exits of a vCPU, by kind.
public struct ExitCounts: Sendable {
    private var counts = InlineArray<32, UInt64>(repeating: 0)

    public subscript(kind: VCPUExit.Kind) -> UInt64 { counts[kind.rawValue] }

    mutating func count(_ kind: VCPUExit.Kind) { counts[kind.rawValue] &+= 1 }

    mutating func add(_ other: ExitCounts) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }
}

/// The exit loop of one vCPU: enter the guest, serve the exit, and again, until the run has ended.
///
/// Allocates nothing and takes no lock that another vCPU's unrelated exit takes: buses are constant, the BAR map is
/// this vCPU's own copy, and a device guards itself.
final class VCPUThread: @unchecked Sendable {
    // @unchecked: `counts`, `recorder` and `view` belong to the thread, and after that to the thread that joined it.

    let vcpu: VirtualCPU
    private(set) var counts = ExitCounts()
    private(set) var recorder = FlightRecorder()
    private var view = PCIHostBridge.BARMapSnapshot()
    private let ports: Bus
    private let mmio: Bus
    private let bridge: PCIHostBridge
    private let runState: RunState
    private let kick: VirtualCPU.Kick
    /// The BAR map's generation when KVM_RUN last failed with EFAULT.
    private var faultGeneration: UInt64?
    private let looked = Atomic<Int>(0)
    /// A kick's question and its answer; see `HangDetector`.
    private let sleep = Atomic<UInt8>(Sleep.unasked.rawValue)
    /// nil if there is no trace.
    private let track: VCPUTrack?

    init(
        _ vcpu: VirtualCPU, kick: VirtualCPU.Kick, ports: Bus, mmio: Bus, bridge: PCIHostBridge, runState: RunState,
        track: VCPUTrack? = nil
    ) {
        self.track = track
        self.vcpu = vcpu
        self.kick = kick
        self.ports = ports
        self.mmio = mmio
        self.bridge = bridge
        self.runState = runState
    }

    private enum Sleep: UInt8 {
        case unasked, asked, forGood
    }

    /// Makes the next kick ask whether it sleeps for good.
    func askForSleep() { sleep.store(Sleep.asked.rawValue, ordering: .relaxed) }

    /// The number of samples taken.
    var looks: Int { looked.load(ordering: .relaxed) }

    /// True if it has reported since it was last asked that it sleeps for good.
    var sleepsForGood: Bool { sleep.load(ordering: .relaxed) == Sleep.forGood.rawValue }

    /// - Parameter gate: passed when the track is open; nil: there is none.
    func run(behind gate: StartGate?) {
        do throws(KVMError) { try vcpu.prepare(kick) } catch {
            gate?.open()
            return runState.finish(.hostFailure("\(error)"))
        }
        let (vcpu, thread) = (vcpu, Thread.current)
        let member = runState.join(
            interrupt: {
                vcpu.requestExit()
                thread.kick()
            }, prepare: { vcpu.clearExitRequest() })
        defer { member.leave() }
        track?.start()
        gate?.pass()
        while !runState.isFinished {
            let exit = vcpu.enter()
            track?.leave()
            switch exit {
            case .portOut(let port, let size, let count):
                counts.count(.portOut)
                recorder.record(
                    .portOut, address: UInt64(port), width: size, value: UInt64(vcpu.portValue(0, size: size)))
                for index in 0..<count { writePort(UInt64(port), vcpu.portValue(index, size: size), width: Int(size)) }
            case .portIn(let port, let size, let count):
                counts.count(.portIn)
                var value: UInt32 = 0
                for index in 0..<count {
                    value = readPort(UInt64(port), width: Int(size))
                    vcpu.setPortValue(index, size: size, value)
                }
                recorder.record(.portIn, address: UInt64(port), width: size, value: UInt64(value))
            case .mmioWrite(let address, let length, let value):
                counts.count(.mmioWrite)
                recorder.record(.mmioWrite, address: address, width: length, value: value)
                writeMMIO(address, value, width: Int(length))
            case .mmioRead(let address, let length):
                counts.count(.mmioRead)
                let value = readMMIO(address, width: Int(length))
                vcpu.setMMIOValue(value)
                recorder.record(.mmioRead, address: address, width: length, value: value)
            case .interrupted:
                counts.count(.interrupted)
                recorder.pass()
                // Rare: a kick. While the run continues it asks how the guest sleeps, or for a sample.
                if runState.isFinished { break }
                // KVM_RUN completed the access of the last exit before it returned (api.rst, section 5,
                // immediate_exit).
                if runState.isParked {
                    member.standStill()
                    break
                }
                if sleep.load(ordering: .relaxed) == Sleep.asked.rawValue {
                    sleep.store((vcpu.sleepsForGood ? Sleep.forGood : .unasked).rawValue, ordering: .relaxed)
                } else if let registers = try? vcpu.registers() {
                    recorder.sample(registers.rip, flags: registers.rflags)
                    looked.add(1, ordering: .relaxed)
                }
            case .irqWindowOpen, .nmi, .setTPR, .halt, .debug, .busLock, .notify:
                counts.count(exit.kind)
                recorder.pass()
            case .failed(let errno) where errno == Errno.badAddress.rawValue && bridge.withdrawMemory(&faultGeneration):
                // The guest accessed a BAR whose memory the device has given up. The repeated access exits and goes to
                // the device.
                counts.count(exit.kind)
                recorder.pass()
            default:
                counts.count(exit.kind)
                recorder.record(exit.kind, address: 0, width: 0, value: 0)
                finish(exit)
            }
            track?.serve(exit, recorder.last, latch: bridge.addressLatch)
        }
    }

    // MARK: Dispatch

    private func readPort(_ port: UInt64, width: Int) -> UInt32 {
        if let value = ports.read(port, width: width) { return UInt32(truncatingIfNeeded: value) }
        bridge.refresh(&view)
        track?.reach(view.map, port, isIO: true)
        return UInt32(truncatingIfNeeded: view.map.read(port, isIO: true, width: width))
    }

    private func writePort(_ port: UInt64, _ value: UInt32, width: Int) {
        if ports.write(port, UInt64(value), width: width) { return }
        bridge.refresh(&view)
        track?.reach(view.map, port, isIO: true)
        view.map.write(port, isIO: true, UInt64(value), width: width)
    }

    private func readMMIO(_ address: UInt64, width: Int) -> UInt64 {
        if let value = mmio.read(address, width: width) { return value }
        bridge.refresh(&view)
        track?.reach(view.map, address, isIO: false)
        return view.map.read(address, isIO: false, width: width)
    }

    private func writeMMIO(_ address: UInt64, _ value: UInt64, width: Int) {
        if mmio.write(address, value, width: width) { return }
        bridge.refresh(&view)
        track?.reach(view.map, address, isIO: false)
        view.map.write(address, isIO: false, value, width: width)
    }

    // MARK: Ends

    private func finish(_ exit: VCPUExit) {
        switch exit {
        case .shutdown: runState.finish(.tripleFault(vcpu: vcpu.number))
        case .systemEvent(type: 1): runState.finish(.powerOff)
        case .systemEvent(type: 2): runState.finish(.reset("KVM system event"))
        case .systemEvent(type: 3): runState.finish(.panic)
        case .internalError(let suberror, let count):
            var reason =
                switch suberror {
                case 1: "KVM can't emulate the instruction at RIP"
                case 2: "an event came while another was being delivered (simultaneous exceptions)"
                case 3: "an exit came while an event was being delivered"
                case 4: "the processor left the guest for an unexpected reason"
                default: "KVM internal error"
                }
            let words = (0..<min(Int(count), 4)).map { "0x" + String(vcpu.internalErrorData($0), radix: 16) }
            reason += " (suberror \(suberror)\(words.isEmpty ? "" : ", data \(words.joined(separator: " "))"))"
            stop(reason)
        case .failEntry(let hardware):
            stop("the processor refused the guest's state (hardware reason \(hardware.hexadecimal))")
        case .unknown(let hardware): stop("an exit KVM itself does not know (hardware reason \(hardware.hexadecimal))")
        case .failed(let errno): stop("KVM_RUN: \(SystemCallError(call: "", errno: .init(rawValue: errno)).errno)")
        default: stop("an exit this machine never asked for: \(exit)")
        }
    }

    private func stop(_ reason: String) {
        runState.finish(.internalError(vcpu: vcpu.number, reason: reason, registers: vcpu.registerLines()))
    }
}
