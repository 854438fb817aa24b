public import Boot
public import KVM
public import LinuxSystem

/// A machine to be, as a value.
public struct MachineConfiguration: Sendable {
    /// RAM in bytes: a multiple of 4 KiB, at least 1 MiB.
    public var memory: UInt64
    /// Whether RAM comes from the host's huge pages; `memory` is a multiple of 2 MiB then.
    public var hugePages: Bool
    /// 1 or more; the host says how many it takes.
    public var cpus: Int
    /// Where the guest's console goes: a descriptor that outlives the run, nil for nowhere.
    public var consoleOutput: Int32?
    /// Puts a time before each line of the console's output; nil: none.
    public var consoleStamps: ConsoleStamps?
    /// Changes the console's output; nil: it goes out as the guest wrote it.
    public var consoleFilter: (any ConsoleFilter)?
    /// Ends what is written of the console's output; nil: all of it is.
    public var consoleLimit: ConsoleLimit?
    /// Follows the run; nil: nobody does.
    public var trace: Trace?
    /// Where the guest's console input comes from, nil for none.
    public var consoleInput: Int32?
    /// What the console of these two needs open, for a run of several machines; nil: each opens it for itself.
    public var consoleFiles: ConsoleFiles?
    /// What the keys do where that is a terminal.
    public var terminalKeys = TerminalKeys()
    /// How long the guest may run, in seconds; nil: for ever.
    public var timeout: Double?
    /// When `timeout` begins, in nanoseconds of `MonotonicClock`; nil: with the first vCPU's start.
    public var timeoutStart: UInt64?
    /// Whether firmware of its own sets the machine up: it finds a chipset as after a reset, and no tables.
    public var hasFirmware: Bool
    /// Whether what the guest writes to its debug console, port 0x402, is shown on its console.
    public var showsDebugConsole: Bool
    /// The registers of the functions that will be put on the PCI bus: room is made for them below 4 GiB.
    public var deviceBARs: [BARPlacement.Need] = []
    /// Whether what the guest writes to port 0xe9 is shown on its console. Not together with the test device, which has
    /// that port.
    public var showsPortE9 = false
    /// The port where a value ends the run; nil: there is none. One that `BoardMap` names no owner of.
    public var exitPort: UInt16? = BoardMap.exitPort
    /// Where the board's devices answer.
    var boardMap = BoardMap()
    /// How vCPUs are kicked; nil: the best way the host has.
    public var kick: VirtualCPU.Kick?
    /// The processor that guests see.
    public var cpuModel = CPUModel.host
    /// Whether the board has the test device of kvm-unit-tests: ports, memory, and a PCI function in slot 31.
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

/// A kernel to start, as files and words.
public struct BootConfiguration: Sendable {
    /// The image's path.
    public var kernel: String
    public var commandLine: String
    /// Files handed to the kernel as they are, in order: initrds, multiboot modules.
    public var modules: [BootModule]
    /// nil: by the file's own signs.
    public var format: KernelFormat?
    /// What kind of disk an image is; nil: by its own signs.
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
