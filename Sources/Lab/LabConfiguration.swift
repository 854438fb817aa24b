public import LinuxSystem

/// The configuration of one run in the lab.
public struct LabConfiguration: Sendable {
    /// A driver that holds a device for user space.
    public enum Driver: String, CaseIterable, CustomStringConvertible, Sendable {
        case vfioPCI = "vfio-pci"
        case pciStub = "pci-stub"

        public var description: String { rawValue }
    }

    /// The devices, at 0000:00:04.0, 05.0, ... in this order, each in an IOMMU group of its own.
    public var devices: [LabDevice] = []
    /// The driver to bind to every device, nil to leave them to drivers that match.
    public var binding: Driver?
    /// The lab host's kernel, a bzImage or an ELF kernel with a PVH note; nil for the newest suitable one installed.
    public var kernel: String?
    /// The directory of the kernel's modules; nil for /lib/modules/ and the kernel's version.
    public var modulesDirectory: String?
    /// Additional modules, loaded after the devices are bound: a NIC's host driver, for example.
    public var modules: [String] = []
    /// True to pack the command's files even if the kernel could share this machine's.
    public var isPacked = false
    /// Files and directories to pack besides those that the command names, relative to `currentDirectory` or absolute.
    /// They must exist; if this machine's files are shared, nothing else is done with them.
    public var files: [String] = []
    /// RAM of the lab's host, in MiB, 512 or more.
    public var memoryMiB = 3072
    /// The number of CPUs for its programs, 1...16. If there are two or more, the host has an additional one for
    /// itself; see `QEMUCommandLine`.
    public var cpus = 2
    /// The model of its CPUs with features, in the syntax of QEMU's `-cpu`.
    ///
    /// Without xsave, because of QEMU 7.2 (`QEMUCommandLine`), and so without all features that require it: kernels
    /// from Linux 7.2 on crash on AVX that can't be enabled.
    public var cpuModel = "EPYC,+svm,+npt,-xsave,-xsaveopt,-xsavec,-xgetbv1,-avx,-avx2,-fma,-f16c"
    /// The time limit in seconds, nil for none.
    public var timeout: Double?
    /// The command's whole environment, `NAME=VALUE` each.
    public var environment: [String] = []
    /// The command's working directory, an absolute path. Files written there and below stay on the host.
    public var currentDirectory: String
    /// The command and its arguments; found by PATH in the lab.
    public var command: [String]
    /// A program of the host that runs beside the command and prints a line when it is ready, nil for none: see
    /// `LabAnchor`.
    public var anchor: [String]?
    /// The file for the lab host's kernel log, written continuously; nil for none.
    public var consoleLog: String?
    /// The largest size of that file.
    public var consoleLogLimit = FileLimit(usualLogLimit, option: logLimitOption)

    /// The default in bytes.
    public static let usualLogLimit = 64 << 20
    public static let logLimitOption = "--console-log-limit"

    public init(command: [String], currentDirectory: String) {
        self.command = command
        self.currentDirectory = currentDirectory
    }

    /// Checks values that QEMU or the lab's host would refuse with less clear errors.
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
