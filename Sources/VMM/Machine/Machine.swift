import Boot
import Bytes
import Glibc
public import KVM
public import LinuxSystem
public import PostMortem

/// A virtual machine with its board: memory, chipset, PCI bus and vCPUs. Built, given functions, loaded, run once.
public final class Machine {
    /// The result of a run.
    public struct Result: Sendable {
        public var outcome: Outcome
        /// Seconds from the first vCPU's start.
        public private(set) var duration: Double
        public private(set) var exits: ExitCounts
        /// The last lines of the guest's console.
        public private(set) var consoleTail: String
        /// Console bytes that were not written because the reader stopped reading.
        public private(set) var unwrittenConsoleBytes: Int
        /// The last byte that the guest wrote to port 0x80; nil for none.
        public let postCode: UInt8?
        /// The post-mortem, if it was made: `Machine.postMortem`.
        public var postMortem: PostMortem?

        /// Adds the result of an earlier boot, which this one follows.
        public mutating func follow(_ earlier: Result) {
            duration += earlier.duration
            exits.add(earlier.exits)
            unwrittenConsoleBytes += earlier.unwrittenConsoleBytes
            consoleTail = String(
                decoding: (Array(earlier.consoleTail.utf8) + consoleTail.utf8).suffix(ConsoleOutput.tailLength),
                as: UTF8.self)
        }
    }

    public let configuration: MachineConfiguration
    public let vm: VirtualMachine
    public let memory: GuestMemory
    public let bridge: PCIHostBridge
    /// Information about the machine for firmware and test kernels; loaders add files to it.
    public let firmwareConfig: FirmwareConfig
    /// The routes of messages that the kernel delivers without user space. To be used before the run.
    public private(set) lazy var messageRoutes = MessageRoutes(vm: vm)
    /// By GSI; each is created when a function first requests it.
    private(set) var lines: [UInt32: InterruptLine] = [:]
    /// Parks and resumes the run's threads, and holds its outcome.
    public let runState: RunState
    /// The event loop of the main thread: code that needs it registers there, before the run or from one of its
    /// sources.
    public let mainLoop: MainLoop
    let wake: Wake
    let console: ConsoleOutput
    let consoleFiles: ConsoleFiles
    let serial: SerialPort
    let clock: RealTimeClock
    let alarm: Alarm
    let post = POSTPort()
    let display = CRTController()
    private(set) var ports: Bus
    let mmio: Bus
    /// The vCPUs' loops and their data, after the run has ended.
    var workers: [VCPUThread] = []
    /// The timestamp counter and the clock at the start and the end of the run.
    var span = TimeSpan()
    let vcpus: [VirtualCPU]
    let kick: VirtualCPU.Kick
    private let board: Board
    private var firmware: FirmwareROM?
    /// The kernel that was loaded; nil for firmware.
    private(set) var loaded: LoadedKernel?

    final class Wake: Sendable {
        let event: EventDescriptor
        init() throws(SystemCallError) { event = try EventDescriptor("end of run") }
    }

    /// Triggers the clock from the main thread.
    final class Alarm: Sendable {
        let timer: TimerDescriptor
        init() throws(SystemCallError) { timer = try TimerDescriptor("real-time clock") }
    }

    /// Builds the board and its vCPUs. Nothing runs yet.
    public init(_ configuration: MachineConfiguration, on hypervisor: borrowing Hypervisor) throws(MachineError) {
        self.configuration = configuration
        let map = configuration.boardMap
        let cpuid: CPUID
        do { cpuid = try hypervisor.supportedCPUID() } catch { throw .kvm(error) }
        try Self.check(configuration, hypervisor, cpuid)
        let window = Self.window(configuration, cpuid)
        memory = try Self.memory(configuration, window)
        kick = configuration.kick ?? (hypervisor.check(.immediateExit) > 0 ? .immediateExit : .signalMask)
        firmwareConfig = FirmwareConfig(.init(memory: configuration.memory, cpus: configuration.cpus))
        do {
            vm = try hypervisor.makeVirtualMachine()
            if let trace = configuration.trace { vm.onInterrupt = { trace.record($0) } }
            // Memory first: the first slot after KVM_CREATE_IRQCHIP waits some milliseconds for the interrupt code's
            // grace period.
            let slots = memory.slots
            for (slot, region) in slots.enumerated() {
                // Each may take the kernel some tenths of a second, and again when it is destroyed.
                guard EndingSignals.cause == nil else {
                    throw SystemCallError(
                        call: "KVM_SET_USER_MEMORY_REGION", object: "guest memory", errno: .interrupted)
                }
                try vm.setMemory(
                    slot: UInt32(slot), guestAddress: region.guestAddress, memory: memory.hostAddress(of: region),
                    count: region.count)
            }
            try vm.setIntelScratchPages(at: PhysicalLayout.intelScratchPages)
            try vm.makeIRQChip()
            try vm.makePIT()
            try MessageRoutes.wirePins(of: vm)
            let wake = try Wake()
            self.wake = wake
            mainLoop = try MainLoop()
            let runState = try RunState { wake.event.signal() }
            self.runState = runState
            let onLines = configuration.trace.map { trace in { @Sendable in trace.record($0, $1) } }
            consoleFiles =
                configuration.consoleFiles
                ?? ConsoleFiles(output: configuration.consoleOutput, input: configuration.consoleInput)
            console = try ConsoleOutput(
                destination: consoleFiles.output, stamps: configuration.consoleStamps,
                filter: configuration.consoleFilter,
                limit: configuration.consoleLimit,
                onLines: onLines, backlog: ConsoleBacklog(file: consoleFiles.backlog))
            let guestCPUID = configuration.cpuModel.applied(to: cpuid)
            board = Self.board(configuration, guestCPUID, window)
            bridge = PCIHostBridge(
                vm: vm, memory: memory, firstMemorySlot: UInt32(slots.count) + (configuration.hasFirmware ? 1 : 0),
                physicalAddressBits: guestCPUID.physicalAddressBits, window: window,
                hasFirmware: configuration.hasFirmware
            ) { runState.finish(.hostFailure($0)) }
            let alarm = try Alarm()
            self.alarm = alarm
            clock = RealTimeClock(
                cells: Self.cmos(memory, configuration), now: configuration.wallClock,
                setLine: Self.line(map.clockGSI, vm)
            ) { alarm.timer.arm(at: $0) }
            serial = try SerialPort(vm: vm, gsi: map.serialGSI, output: console)
            if configuration.cpus > Self.xapicCPUs { try vm.enable(.x2apicInterface, Self.wideX2APIC) }
            let msrs = FirmwareMSRs.values(guestCPUID, devicesFrom: min(window.lowerBound, PhysicalLayout.lowRAMLimit))
            let losesRegisters = hypervisor.losesRegisters(cpuid)
            var vcpus: [VirtualCPU] = []
            for number in 0..<UInt32(configuration.cpus) {
                let vcpu = try vm.makeVirtualCPU(number)
                if losesRegisters { vcpu.keepEarlierRegisters() }
                try vcpu.setCPUID(
                    configuration.cpuModel.applied(to: cpuid.forVCPU(apicID: number, count: configuration.cpus)))
                try vcpu.wireLocalInterrupts()
                try vcpu.setFirmwareMSRs(msrs)
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
        var mmio = Bus()
        do throws(Bus.ClaimError) {
            for entry in BoardMap.elsewhere { try ports.reserve(entry) }
            try ports.claim(map.serial, serial)
            try ports.claim(ConfigPorts.entry, ConfigPorts(bridge, runState))
            try ports.claim(map.panic, PanicPort(runState))
            try ports.claim(map.powerEvents, PowerEvents())
            try ports.claim(map.powerTimer, PowerTimer(clock: configuration.evenClock))
            try ports.claim(map.powerControl, PowerManagement(runState))
            let keyboard = KeyboardController(runState, setLine: Self.line(KeyboardController.gsi, vm))
            try ports.claim(KeyboardController.dataEntry, keyboard)
            try ports.claim(KeyboardController.commandEntry, KeyboardCommandPort(of: keyboard))
            try ports.claim(map.clock, clock)
            try ports.claim(POSTPort.entry, post)
            try ports.claim(SystemControlA.entry, SystemControlA(runState))
            try ports.claim(ResetVector.entry, ResetVector(runState))
            try ports.claim(ROMFailure.entry, ROMFailure(runState))
            try ports.claim(FirmwareConfig.entry, firmwareConfig)
            try ports.claim(CRTController.entry, display)
            try ports.claim(DisplayStatus.entry, DisplayStatus())
            if configuration.showsPortE9 { try ports.claim(PortE9.entry, PortE9(console)) }
            if configuration.showsDebugConsole { try ports.claim(DebugConsole.entry, DebugConsole(console)) }
            try mmio.claim(PhysicalLayout.ecam, ECAM(bridge, at: PhysicalLayout.ecam.lowerBound), for: "ECAM")
            if configuration.hasFirmware {
                let ecam = PhysicalLayout.firmwareECAM
                try mmio.claim(ecam, ECAM(bridge, at: ecam.lowerBound), for: "the firmware's ECAM")
            }
            if configuration.hasTestDevice { try TestDevice.claim(&ports, &mmio, vm: vm, memory: memory) }
            if let exit = configuration.exitPort { try ports.claim(ExitPort.entry(at: exit), ExitPort(runState)) }
        } catch {
            throw .clash(error)
        }
        if configuration.hasTestDevice {
            do throws(PCIHostBridge.PlugError) { try TestDevice.attach(to: bridge) } catch {
                throw .noTestDevice(error)
            }
        }
        self.ports = ports
        self.mmio = mmio
    }

    /// The number of vCPUs with 8-bit APIC ids; 255 is the broadcast id.
    private static let xapicCPUs = 255
    /// KVM_X2APIC_API_USE_32BIT_IDS and KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK; api.rst 7.7.
    private static let wideX2APIC: UInt64 = 3

    private static func check(_ configuration: MachineConfiguration, _ hypervisor: borrowing Hypervisor, _ cpuid: CPUID)
        throws(MachineError)
    {
        var limit = max(hypervisor.check(.maximumVCPUs), 1)
        // APIC ids start at 0. Hosts without the capability accept as many ids as vCPUs.
        let ids = hypervisor.check(.maximumVCPUID)
        if ids > 0 { limit = min(limit, ids) }
        if hypervisor.check(.x2apicInterface) == 0 { limit = min(limit, xapicCPUs) }
        guard (1...limit).contains(configuration.cpus) else {
            throw .tooManyCPUs(asked: configuration.cpus, limit: limit)
        }
        let (page, name): (UInt64, String) = configuration.hugePages ? (HugePages.size, "2 MiB") : (4096, "4 KiB")
        guard configuration.memory % page == 0 else {
            throw .badMemorySize(bytes: configuration.memory, reason: "it must be a multiple of \(name)")
        }
        guard (1 << 20...1 << 40).contains(configuration.memory) else {
            throw .badMemorySize(bytes: configuration.memory, reason: "it must lie between 1 MiB and 1 TiB")
        }
        let bits = cpuid.physicalAddressBits
        let room =
            PhysicalLayout.highMemoryWindow(physicalAddressBits: bits).lowerBound - PhysicalLayout.highRAMStart
            + PhysicalLayout.lowRAMLimit
        guard configuration.memory <= room else {
            throw .badMemorySize(
                bytes: configuration.memory,
                reason:
                    """
                    this host's processors address \(bits) bits, of which devices take the top quarter: ask for \
                    \(room >> 30)G at the most
                    """
            )
        }
    }

    /// Returns the window for memory BARs below 4 GiB. Firmware places them itself, between its ECAM and the place of
    /// the other ECAM, which does not exist then.
    private static func window(_ configuration: MachineConfiguration, _ cpuid: CPUID) -> Range<UInt64> {
        if configuration.hasFirmware { return PhysicalLayout.firmwareECAM.upperBound..<PhysicalLayout.ecam.upperBound }
        guard !configuration.deviceBARs.isEmpty else { return PhysicalLayout.memoryWindow }
        // The test device's function is placed before the others.
        let board =
            configuration.hasTestDevice
            ? [TestFunction.registers.map { BARPlacement.Need($0.kind, size: $0.size) }] : []
        let bits = configuration.cpuModel.applied(to: cpuid).physicalAddressBits
        let high = PhysicalLayout.highMemoryWindow(physicalAddressBits: bits)
        return DeviceWindow(memory: configuration.memory, needs: board + [configuration.deviceBARs], high: high).range
    }

    private static func memory(_ configuration: MachineConfiguration, _ window: Range<UInt64>) throws(MachineError)
        -> GuestMemory
    {
        do {
            return try GuestMemory(
                count: configuration.memory, hugePages: configuration.hugePages,
                lowLimit: configuration.hasFirmware ? PhysicalLayout.firmwareECAM.lowerBound : window.lowerBound)
        } catch {
            throw configuration.hugePages
                ? HugePages.shortage(configuration.memory, error, pool: HugePages()) : .system(error)
        }
    }

    private static func cmos(_ memory: GuestMemory, _ configuration: MachineConfiguration) -> [UInt8] {
        let low = memory.regions.first?.count ?? 0
        return CMOSMemory.cells(lowMemory: low, highMemory: memory.count - low, cpus: configuration.cpus)
    }

    /// Sets the level of an interrupt. The in-kernel irqchip exists as long as the VM does; a guest could not react to
    /// an error.
    private static func line(_ gsi: UInt32, _ vm: VirtualMachine) -> @Sendable (Bool) -> Void {
        { level in try? vm.setLine(gsi, level) }
    }

    /// Returns the machine's description for the firmware tables.
    private static func board(_ configuration: MachineConfiguration, _ cpuid: CPUID, _ window: Range<UInt64>) -> Board {
        let routes = (1...31).flatMap { slot in
            (1...4).map { Board.InterruptRoute(slot: slot, pin: $0, gsi: PhysicalLayout.intxGSI(slot: slot, pin: $0)) }
        }
        let map = configuration.boardMap
        let power = Board.PowerManagement(
            eventPort: map.powerEvents.port, controlPort: map.powerControl.port, timerPort: map.powerTimer.port,
            sleepTypeS5: PowerManagement.sleepTypeS5, interrupt: UInt8(truncatingIfNeeded: map.powerGSI),
            resetPort: ConfigPorts.resetPort, resetValue: ConfigPorts.resetValue)
        var board = Board(
            apicIDs: Array(0..<UInt32(configuration.cpus)), ecam: PhysicalLayout.populatedECAM,
            memoryWindows: [
                AddressRange(configuration.hasFirmware ? PhysicalLayout.memoryWindow : window),
                AddressRange(PhysicalLayout.upperMemoryWindow),
                AddressRange(PhysicalLayout.highMemoryWindow(physicalAddressBits: cpuid.physicalAddressBits)),
            ],
            interruptRoutes: routes, configurationPort: ConfigPorts.entry.port,
            serialPorts: [Board.ISADevice(port: map.serial.port, irq: UInt8(truncatingIfNeeded: map.serialGSI))],
            powerManagement: power)
        if let leaf = cpuid.entry(1) {
            board.processorSignature = leaf.eax
            board.processorFeatures = leaf.edx
        }
        board.panicPort = map.panic.port
        board.clock = Board.ISADevice(port: map.clock.port, irq: UInt8(truncatingIfNeeded: map.clockGSI))
        board.memorySize = configuration.memory
        return board
    }

    /// Returns the line that a slot's pin is wired to. To be used before the run.
    /// - Parameter pin: 1...4 for INTA...INTD.
    public func line(slot: Int, pin: Int) throws(SystemCallError) -> InterruptLine {
        let gsi = PhysicalLayout.intxGSI(slot: slot, pin: pin)
        if let line = lines[gsi] { return line }
        let line = try InterruptLine(gsi: gsi, vm: vm)
        lines[gsi] = line
        return line
    }

    /// Puts an emulated function on the bus and wires its interrupts. `PCIHostBridge.placeBARs` must follow. To be used
    /// before the run.
    /// - Parameter slot: 1...31; nil for the first free one.
    public func attach(_ function: EmulatedFunction, slot: Int? = nil) throws(MachineError) {
        guard let slot = slot ?? bridge.freeSlot(without: []) else { throw .noFunction(name: function.name, .noSlot) }
        let end = end
        do throws(SystemCallError) {
            let line = function.interruptPin > 0 ? try line(slot: slot, pin: function.interruptPin) : nil
            try function.connect(
                FunctionInterrupts(vm: vm, routes: messageRoutes, line: line) { end(.hostFailure($0)) })
        } catch {
            throw .system(error)
        }
        do throws(PCIHostBridge.PlugError) { try bridge.attach(function, slot: slot) } catch {
            throw .noFunction(name: function.name, error)
        }
    }

    /// Ends the run from outside, for example when a passed-through device fails.
    public var end: @Sendable (Outcome) -> Void {
        let runState = runState
        return { runState.finish($0) }
    }

    /// Loads a kernel and puts the first vCPU at its entry.
    public func load(_ boot: BootConfiguration) throws(MachineError) {
        let (entry, disk, kernel) = try KernelLoader(
            memory: memory, lowRAMLimit: bridge.memoryWindow.lowerBound, board: board
        ).load(boot)
        loaded = kernel
        if let disk {
            do throws(Bus.ClaimError) { try ports.claim(BootDisk.entry, disk) } catch { throw .clash(error) }
        }
        do throws(KVMError) {
            try leaveLegacyInterrupts()
            try vcpus[0].enter(at: entry)
        } catch {
            throw .kvm(error)
        }
    }

    /// Sets PICs and timer as a PC's BIOS leaves them. Multiboot 0.6.96, section 3.2, guarantees this: kernels may
    /// return to real mode and call the BIOS.
    private func leaveLegacyInterrupts() throws(KVMError) {
        // Unmasked are the timer, the keyboard, the second PIC, the floppy drive; and on the second PIC the mouse, the
        // coprocessor, the disk.
        try vm.setPIC(0, base: 0x08, mask: 0xB8)
        try vm.setPIC(1, base: 0x70, mask: 0x8F)
        try vm.startFirmwareTimer()
    }

    /// Loads firmware, with which the first vCPU then starts. The machine must be configured for firmware.
    public func loadFirmware(_ path: String, files: InputFiles = InputFiles()) throws(MachineError) {
        let rom = try FirmwareROM(path, files)
        try rom.place(in: vm, memory, slot: UInt32(memory.slots.count))
        firmware = rom
        do throws(FirmwareConfig.FileError) {
            let (memory, serialPort) = (memory, configuration.boardMap.serial.port)
            try firmwareConfig.change { items throws(FirmwareConfig.FileError) in
                try items.describe(memory, reserved: [], serialPort: serialPort)
            }
        } catch {
            throw .firmwareFiles(error)
        }
    }
}
