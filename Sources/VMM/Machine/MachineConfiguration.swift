public import Boot
public import KVM
public import LinuxSystem

/// The configuration of a machine.
public struct MachineConfiguration: Sendable {
    /// RAM in bytes: a multiple of 4 KiB, at least 1 MiB.
    public var memory: UInt64
    /// True if RAM comes from the host's huge pages; `memory` is then a multiple of 2 MiB.
    public var hugePages: Bool
    /// The number of vCPUs, 1 or more; the host limits it.
    public var cpus: Int
    /// The descriptor that receives the guest's console, which must outlive the run; nil for none.
    public var consoleOutput: Int32?
    /// Puts a time before each line of the console's output; nil: none.
    public var consoleStamps: ConsoleStamps?
    /// Changes the console's output; nil for unchanged output.
    public var consoleFilter: (any ConsoleFilter)?
    /// Ends the console's output at a limit; nil for no limit.
    public var consoleLimit: ConsoleLimit?
    /// Records the run; nil for no trace.
    public var trace: Trace?
    /// The descriptor of the guest's console input, nil for none.
    public var consoleInput: Int32?
    /// The open files for these two, shared by several machines of a run; nil: the machine opens its own.
    public var consoleFiles: ConsoleFiles?
    /// The keys for swiftlet if the input is a terminal.
    public var terminalKeys = TerminalKeys()
    /// The time limit in seconds; nil for none.
    public var timeout: Double?
    /// The start of `timeout`, in nanoseconds of `MonotonicClock`; nil: the first vCPU's start.
    public var timeoutStart: UInt64?
    /// True if firmware sets the machine up: it finds a chipset in its reset state, and no tables.
    public var hasFirmware: Bool
    /// True to show the guest's debug console, port 0x402, on its console.
    public var showsDebugConsole: Bool
    /// The BARs of the functions that will be put on the PCI bus: space is reserved for them below 4 GiB.
    public var deviceBARs: [BARPlacement.Need] = []
    /// True to show writes to port 0xe9 on the guest's console. Not together with the test device, which has that port.
    public var showsPortE9 = false
    /// The port where a write ends the run; nil for none. `BoardMap` must have no owner for it.
    public var exitPort: UInt16? = BoardMap.exitPort
    /// The host's time, for the real-time clock: nanoseconds since 1970, UTC.
    var wallClock: @Sendable () -> Int64 = { WallClock.now }
    /// Nanoseconds that pass evenly, for ACPI's timer.
    var evenClock: @Sendable () -> UInt64 = { MonotonicClock.now }
    /// The ports of the board's devices.
    var boardMap = BoardMap()
    /// The way to kick vCPUs; nil: the best that the host has.
    public var kick: VirtualCPU.Kick?
    /// The processor that guests see.
    public var cpuModel = CPUModel.host
    /// True if the board has the test device of kvm-unit-tests: ports, memory, and a PCI function in slot 31.
    public var hasTestDevice = false

    public init(
        memory: UInt64 = 256 << 20, hugePages: Bool = false, cpus: Int = 1, consoleOutput: Int32? = nil,
        consoleInput: Int32? = nil, timeout: Double? = nil,
        kick: VirtualCPU.Kick? = nil, cpuModel: CPUModel = .host, hasTestDevice: Bool = false,
        hasFirmware: Bool = false,
        showsDebugConsole: Bool = false
    ) {
        self.memory = memory
        self.hugePages = hugePages
        self.cpus = cpus
        self.consoleOutput = consoleOutput
        self.consoleInput = consoleInput
        self.timeout = timeout
        self.kick = kick
        self.cpuModel = cpuModel
        self.hasTestDevice = hasTestDevice
        self.hasFirmware = hasFirmware
        self.showsDebugConsole = showsDebugConsole
    }
}

/// A kernel to start: its files and arguments.
public struct BootConfiguration: Sendable {
    /// The image's path.
    public var kernel: String
    public var commandLine: String
    /// Files passed to the kernel unchanged, in order: initrds, multiboot modules.
    public var modules: [BootModule]
    /// The kernel's format; nil to detect it.
    public var format: KernelFormat?
    /// The kind of a disk image; nil to detect it.
    public var diskKind: DiskImage.Kind?
    /// Through which they are opened, and by which they stay open for the next machine.
    public var files = InputFiles()

    public init(
        kernel: String, commandLine: String = "", modules: [BootModule] = [], format: KernelFormat? = nil,
        diskKind: DiskImage.Kind? = nil
    ) {
        self.kernel = kernel
        self.commandLine = commandLine
        self.modules = modules
        self.format = format
        self.diskKind = diskKind
    }
}
