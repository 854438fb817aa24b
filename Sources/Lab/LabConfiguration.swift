public import LinuxSystem

/// Everything about one run in the lab, as a value.
public struct LabConfiguration: Sendable {
    /// A driver that holds a device for user space.
    public enum Driver: String, CaseIterable, CustomStringConvertible, Sendable {
        case vfioPCI = "vfio-pci"
        case pciStub = "pci-stub"

        public var description: String { rawValue }
    }

    /// The devices, which sit at 0000:00:04.0, 05.0, ... in this order, each in an IOMMU group of its own.
    public var devices: [LabDevice] = []
    /// The driver that takes every device, nil to leave them to drivers that match.
    public var binding: Driver?
    /// The lab host's kernel, a bzImage or an ELF kernel with a PVH note; nil for the newest one installed that can
    /// serve.
    public var kernel: String?
    /// Directory of the kernel's modules; nil for /lib/modules/ and the kernel's version.
    public var modulesDirectory: String?
    /// Modules loaded beyond what the lab needs, after the devices are bound: a NIC's host driver, say.
    public var modules: [String] = []
    /// Whether the command's files are packed even where the kernel could share this machine's.
    public var isPacked = false
    /// Files and directories to pack beyond those that the command names, relative to `currentDirectory` or absolute.
    /// They must exist; where this machine's files are shared, that is all that comes of them.
    public var files: [String] = []
    /// RAM of the lab's host, in MiB, 512 or more.
    public var memoryMiB = 3072
    /// The CPUs its programs run on, 1...16. Where they are two or more the host has one besides, for itself; see
    /// `QEMUCommandLine`.
    public var cpus = 2
    /// The model of its CPUs with features, as QEMU's `-cpu` takes it.
    ///
    /// Without xsave, as QEMU 7.2 wants it (`QEMUCommandLine`), and so without all that needs it: kernels from Linux
    /// 7.2 on die of AVX that can't be switched on.
    public var cpuModel = "EPYC,+svm,+npt,-xsave,-xsaveopt,-xsavec,-xgetbv1,-avx,-avx2,-fma,-f16c"
    /// Seconds after which the run is ended, nil for none.
    public var timeout: Double?
    /// The command's whole environment, `NAME=VALUE` each.
    public var environment: [String] = []
    /// Where the command starts, an absolute path. What is written there and below stays on the host.
    public var currentDirectory: String
    /// The command and its arguments; looked up by PATH in the lab.
    public var command: [String]
    /// A program of the host that runs beside the command and says a line when it is ready, nil for none: see
    /// `LabAnchor`.
    public var anchor: [String]?
    /// Where the lab host's kernel log is written as it comes, nil for nowhere.
    public var consoleLog: String?
    /// How large that file may become.
    public var consoleLogLimit = FileLimit(usualLogLimit, option: logLimitOption)

    /// Bytes.
    public static let usualLogLimit = 64 << 20
    public static let logLimitOption = "--console-log-limit"

    public init(command: [String], currentDirectory: String) {
        self.command = command
        self.currentDirectory = currentDirectory
    }

    /// Checks what QEMU or the lab's host would otherwise refuse less clearly.
    /// - Throws: `LabError.usage`.
    public func validate() throws(LabError) {
        guard let program = command.first, !program.isEmpty else {
            throw .usage("no command was given: it comes after --")
        }
        guard devices.count <= LabDevice.slots.count else {
            throw .usage("\(devices.count) devices are more than the \(LabDevice.slots.count) slots of the lab's bus")
        }
        guard memoryMiB >= 512 else {
            throw .usage("\(memoryMiB) MiB is too little memory for the lab's host: give it 512M or more")
        }
        guard (1...16).contains(cpus) else { throw .usage("the lab's host can have 1 to 16 CPUs, not \(cpus)") }
        guard currentDirectory != "/" else {
            throw .usage(
                """
                the current directory is /, and all below it would be writable in the lab: change to a directory \
                of your own
                """
            )
        }
        guard binding == nil || !devices.isEmpty else {
            throw .usage("--bind has no device to bind: ask for one with --nic or --pci")
        }
    }
}
