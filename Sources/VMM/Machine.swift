import Boot
import Glibc
public import KVM
public import LinuxSystem

/// A virtual machine with its board: memory, chipset, PCI bus and vCPUs. Built, given functions, loaded, run once.
public final class Machine {
    /// What a run came to.
    public struct Result: Sendable {
        public let outcome: Outcome
        /// Seconds from the first vCPU's start.
        public let duration: Double
        public let exits: ExitCounts
        /// The last lines of the guest's console.
        public let consoleTail: String
        /// Console bytes that nobody read: the reader stopped taking them.
        public let unwrittenConsoleBytes: Int
    }

    public let configuration: MachineConfiguration
    public let vm: VirtualMachine
    public let memory: GuestMemory
    public let bridge: PCIHostBridge
    /// By GSI, made when the first function asks.
    private var lines: [UInt32: InterruptLine] = [:]
    private let ending: Ending
    private let wake: Wake
    private let console: ConsoleOutput
    private let serial: SerialPort
    private let ports: Bus
    private let mmio: Bus
    private let vcpus: [VirtualCPU]
    private let kick: VirtualCPU.Kick
    private let board: Board

    private final class Wake: Sendable {
        let event: EventDescriptor
        init() throws(SystemCallError) { event = try EventDescriptor("end of run") }
    }

    /// Builds the board and its vCPUs. Nothing runs yet.
    public init(_ configuration: MachineConfiguration, on hypervisor: borrowing Hypervisor) throws(MachineError) {
        self.configuration = configuration
        try Self.check(configuration, hypervisor)
        kick = configuration.kick ?? (hypervisor.check(.immediateExit) > 0 ? .immediateExit : .signalMask)
        do {
            vm = try hypervisor.makeVirtualMachine()
            memory = try GuestMemory(count: configuration.memory)
            // Memory first: the first slot after KVM_CREATE_IRQCHIP waits some milliseconds for the interrupt code's grace period.
            for (slot, region) in memory.regions.enumerated() {
                try vm.setMemory(
                    slot: UInt32(slot), guestAddress: region.guestAddress, memory: memory.hostAddress(of: region), count: region.count)
            }
            try vm.setIntelScratchPages(at: PhysicalLayout.intelScratchPages)
            try vm.makeIRQChip()
            try vm.makePIT()
            try vm.setRouting(IRQRouting())
            let wake = try Wake()
            self.wake = wake
            let ending = Ending { wake.event.signal() }
            self.ending = ending
            console = try ConsoleOutput(destination: configuration.consoleOutput)
            let cpuid = try hypervisor.supportedCPUID()
            board = Self.board(configuration, cpuid)
            bridge = PCIHostBridge(
                vm: vm, memory: memory, firstMemorySlot: UInt32(memory.regions.count), physicalAddressBits: cpuid.physicalAddressBits
            ) { ending.finish(.hostFailure($0)) }
            serial = SerialPort(vm: vm, gsi: PhysicalLayout.comGSI, output: console)
            var vcpus: [VirtualCPU] = []
            for number in 0..<UInt32(configuration.cpus) {
                let vcpu = try vm.makeVirtualCPU(number)
                try vcpu.setCPUID(cpuid.forVCPU(apicID: number, count: configuration.cpus))
                try vcpu.wireLocalInterrupts()
                vcpus.append(vcpu)
            }
            self.vcpus = vcpus
        } catch let error as KVMError {
            throw .kvm(error)
        } catch let error as SystemCallError {
            throw .system(error)
        } catch {
            throw .system(SystemCallError(call: "\(error)", errno: .init(rawValue: EINVAL)))
        }
        var ports = Bus()
        ports.claim(UInt64(PhysicalLayout.comPort)..<UInt64(PhysicalLayout.comPort) + 8, serial)
        ports.claim(0xCF8..<0xD00, ConfigPorts(bridge, ending))
        ports.claim(UInt64(PhysicalLayout.exitPort)..<UInt64(PhysicalLayout.exitPort) + 1, ExitPort(ending))
        ports.claim(UInt64(PhysicalLayout.panicPort)..<UInt64(PhysicalLayout.panicPort) + 1, PanicPort(ending))
        ports.claim(UInt64(PhysicalLayout.pm1aEventPort)..<UInt64(PhysicalLayout.pm1aEventPort) + 4, PowerEvents())
        ports.claim(UInt64(PhysicalLayout.pmTimerPort)..<UInt64(PhysicalLayout.pmTimerPort) + 4, PowerTimer())
        ports.claim(UInt64(PhysicalLayout.pm1aControlPort)..<UInt64(PhysicalLayout.pm1aControlPort) + 2, PowerManagement(ending))
        ports.claim(0x64..<0x65, KeyboardController(ending))
        ports.claim(0x92..<0x93, SystemControlA(ending))
        self.ports = ports
        var mmio = Bus()
        mmio.claim(PhysicalLayout.ecam, ECAM(bridge))
        self.mmio = mmio
    }

    private static func check(_ configuration: MachineConfiguration, _ hypervisor: borrowing Hypervisor) throws(MachineError) {
        let limit = max(hypervisor.check(.maximumVCPUs), 1)
        guard (1...min(limit, 254)).contains(configuration.cpus) else {
            throw .tooManyCPUs(asked: configuration.cpus, limit: min(limit, 254))
        }
        guard configuration.memory % 4096 == 0 else {
            throw .badMemorySize(bytes: configuration.memory, reason: "it must be a multiple of 4 KiB")
        }
        guard (1 << 20...1 << 40).contains(configuration.memory) else {
            throw .badMemorySize(bytes: configuration.memory, reason: "it must lie between 1 MiB and 1 TiB")
        }
    }

    /// What the firmware tables say of this machine.
    private static func board(_ configuration: MachineConfiguration, _ cpuid: CPUID) -> Board {
        let routes = (1...31).flatMap { slot in
            (1...4).map { Board.InterruptRoute(slot: slot, pin: $0, gsi: PhysicalLayout.intxGSI(slot: slot, pin: $0)) }
        }
        var board = Board(
            apicIDs: Array(0..<UInt32(configuration.cpus)), ecam: PhysicalLayout.ecam,
            memoryWindows: [
                PhysicalLayout.memoryWindow, PhysicalLayout.upperMemoryWindow,
                PhysicalLayout.highMemoryWindow(physicalAddressBits: cpuid.physicalAddressBits),
            ],
            interruptRoutes: routes)
        if let leaf = cpuid.entry(1) {
            board.processorSignature = leaf.eax
            board.processorFeatures = leaf.edx
        }
        board.panicPort = PhysicalLayout.panicPort
        return board
    }

    /// The line that a slot's pin is wired to. Before the run.
    /// - Parameter pin: 1...4 for INTA...INTD.
    public func line(slot: Int, pin: Int) throws(SystemCallError) -> InterruptLine {
        let gsi = PhysicalLayout.intxGSI(slot: slot, pin: pin)
        if let line = lines[gsi] { return line }
        let line = try InterruptLine(gsi: gsi, vm: vm)
        lines[gsi] = line
        return line
    }

    /// Ends the run from outside, as when a passed-through device fails.
    public var end: @Sendable (Outcome) -> Void {
        let ending = ending
        return { ending.finish($0) }
    }

    /// Loads a kernel and puts the first vCPU at its entry.
    public func load(_ boot: BootConfiguration) throws(MachineError) {
        let entry = try KernelLoader(memory: memory, board: board).load(boot)
        do { try vcpus[0].enter(at: entry) } catch { throw .kvm(error) }
    }

    /// Runs until the guest, a signal, the time limit or a failure ends it. Once.
    /// - Parameters:
    ///   - signals: requests to end swiftlet, made before any other thread was started.
    ///   - watch: follows the guest's console, answers there, and may end the run.
    public func run(signals: borrowing SignalDescriptor, watch: (any ConsoleWatch)? = nil) throws(MachineError) -> Result {
        Thread.prepare()
        let terminal = configuration.consoleInput.flatMap { Terminal($0) }
        let workers = vcpus.map { VCPUThread($0, kick: kick, ports: ports, mmio: mmio, bridge: bridge, ending: ending) }
        let start = MonotonicClock.now
        do {
            var threads = Crew()
            do throws(SystemCallError) {
                for worker in workers { try threads.start("vcpu \(worker.vcpu.number)") { worker.run() } }
                try attend(signals, watch, start: start)
            } catch {
                ending.finish(.hostFailure("\(error)"))
            }
            console.close()
            for vcpu in vcpus { vcpu.requestExit() }
            threads.dismiss()
        }
        let duration = Double(MonotonicClock.now - start) / 1e9
        let unwritten = console.flush { watch?.take($0, at: duration) }
        watch?.close(at: duration)
        _ = consume terminal
        var exits = ExitCounts()
        for worker in workers { exits.add(worker.counts) }
        return Result(
            outcome: ending.outcome ?? .hostFailure("the run ended without an outcome"), duration: duration, exits: exits,
            consoleTail: console.lastLines, unwrittenConsoleBytes: unwritten)
    }

    /// The main thread's part: console, signals and time, until the run has ended.
    private func attend(_ signals: borrowing SignalDescriptor, _ watch: (any ConsoleWatch)?, start: UInt64) throws(SystemCallError) {
        let loop = try EventLoop("run")
        try loop.watch(wake.event.raw, token: 0)
        try loop.watch(console.ready.raw, token: 1)
        try loop.watch(signals.descriptor.raw, token: 2)
        var input = ConsoleInput(configuration.consoleInput, serial: serial, loop: loop, token: 3)
        let deadline = configuration.timeout.map { start + UInt64($0 * 1e9) }
        var hasOutput = false
        var nextLook: UInt64?
        func elapsed() -> Double { Double(MonotonicClock.now - start) / 1e9 }
        while !ending.isFinished {
            var patience: Int32 = hasOutput ? 1 : input.needsPolling ? 10 : -1
            let now = MonotonicClock.now
            if let deadline, now >= deadline {
                ending.finish(.timeout(seconds: configuration.timeout ?? 0))
                break
            }
            for time in [deadline, nextLook] {
                guard let time else { continue }
                let rest = Int32(clamping: (max(time, now) - now) / 1_000_000 + 1)
                patience = patience < 0 ? rest : min(patience, rest)
            }
            var hasInput = false
            let isBurst = hasOutput
            loop.wait(milliseconds: patience) { token in
                switch token {
                case 1: hasOutput = console.ready.take() > 0
                case 2: if let signal = signals.take() { ending.finish(.signal(signal)) }
                case 3: hasInput = true
                default: break
                }
            }
            if isBurst { hasOutput = console.drain { watch?.take($0, at: elapsed()) } }
            // What has just begun to come is not drained yet, and would look like a pause.
            if let watch, isBurst || !hasOutput {
                let action = watch.look(at: elapsed())
                if !action.input.isEmpty { action.input.withUnsafeBytes { serial.receive($0) } }
                if action.endsRun { ending.finish(.console) }
                nextLook = action.next.map { start + UInt64(max($0, 0) * 1e9) }
            }
            input.attend(hasInput, loop)
        }
    }
}

/// The threads of a run. A noncopyable thread can't stand in an array, hence the boxes.
private struct Crew: ~Copyable {
    private final class Member {
        var thread: Thread?
        init(_ thread: consuming Thread) { self.thread = .some(thread) }
    }

    private var members: [Member] = []

    mutating func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        members.append(Member(try Thread(name, body)))
    }

    /// Kicks every thread out of the kernel and waits for its end. The vCPUs' exit requests are set already, so one kick is enough.
    mutating func dismiss() {
        for member in members { member.thread?.kick() }
        for member in members {
            if let thread = member.thread.take() { thread.join() }
        }
        members = []
    }
}
