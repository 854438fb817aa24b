public import ArgumentParser
import Glibc
import Lab
import LinuxSystem
import Synchronization

extension LabConfiguration.Driver: ExpressibleByArgument {}

/// `swiftlet lab`: runs a command in a nested Linux host that has KVM, an IOMMU and the requested devices.
struct LabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract:
            "Run a command in a nested Linux host with KVM, an IOMMU and PCI devices, without any hardware for it.",
        discussion: """
            The host is QEMU's software emulation; its root is this machine's file system under a temporary layer. The \
            current directory and everything below it are shared: files that the command writes there stay, all others \
            are gone when it ends. The devices have the addresses 0000:00:04.0, 05.0, ... in the order given. If the \
            kernel has no 9p, the command and the files it names are packed instead, and the files it wrote in the \
            current directory are copied back when it ends.

            Examples:
              swiftlet lab -- lspci -nn
              swiftlet lab --nic e1000e --bind -- swiftlet run nic.elf --device 00:04.0
              swiftlet lab --pci edu --timeout 60s --console-log host.log -- ./test.sh

            Exit status: the command's own, 128+N where signal N ended it; 64 bad usage, 69 a package is missing, 125 \
            the lab failed and nothing was learnt about the command.
            """)

    @Option(
        help: ArgumentHelp(
            "Add a NIC on a user network of its own (DHCP 10.0.2.15, gateway 10.0.2.2): e1000e, virtio-net-pci, ...",
            valueName: "model[,key=value]..."),
        transform: { try PlacedDevice(.nic, $0) })
    var nic: [PlacedDevice] = []

    @Option(
        help: ArgumentHelp("Add another PCI device: edu, nvme, qemu-xhci, ...", valueName: "model[,key=value]..."),
        completion: .list(["edu", "nvme", "qemu-xhci", "pci-testdev"]),
        transform: { try PlacedDevice(.pci, $0) })
    var pci: [PlacedDevice] = []

    @Option(defaultAsFlag: .vfioPCI, help: "Give all devices to this driver.")
    var bind: LabConfiguration.Driver?

    @Option(
        help: "The host's kernel, a bzImage or ELF file. (default: the newest in /boot that has modules)",
        completion: .file())
    var kernel: String?

    @Option(help: "Directory of the kernel's modules. (default: /lib/modules/ and its version)", completion: .directory)
    var modules: String?

    @Option(help: ArgumentHelp("Load this module of the host's kernel too, such as a NIC's driver.", valueName: "name"))
    var module: [String] = []

    @Flag(
        help:
            """
            Pack the files that the command names into the host's initramfs even if its kernel could share this \
            machine's.
            """
    )
    var pack = false

    @Option(
        help: ArgumentHelp(
            "Another file or directory to pack, if files are packed. May be given several times.", valueName: "path"),
        completion: .file())
    var file: [String] = []

    @Option(name: .shortAndLong, help: "The host's memory.")
    var memory = MemorySize(bytes: 3 << 30)

    @Option(help: "The CPUs its programs run on.")
    var cpus = 2

    @Option(
        help: ArgumentHelp(
            "The model of its CPUs with features, as QEMU's -cpu takes it. It must have svm and npt.",
            valueName: "model"))
    var cpu = LabConfiguration(command: [], currentDirectory: "").cpuModel

    @Option(help: "End the run after this time: 60s, 500ms, 2m.")
    var timeout: TimeLimit?

    @Option(
        help: ArgumentHelp(
            "Pass an environment variable to the command, with this value or with its own.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(
        help: ArgumentHelp("Write the host's kernel log to this file as it comes.", valueName: "path"),
        completion: .file()
    )
    var consoleLog: String?

    @Option(
        help: ArgumentHelp(
            "The size limit of that file: 64M, 1G, or none. Bytes beyond it are counted, not written. (default: 64M)",
            valueName: "size"))
    var consoleLogLimit: SizeLimit?

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    func run() throws {
        // A closed standard descriptor would be reused for the next file that is opened.
        for standard in Int32(0)...2 where fcntl(standard, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
        signal(SIGPIPE, SIG_IGN)
        EndingSignals.speak(as: "swiftlet lab")
        let signals = try EndingSignals()
        if let timeout {
            try EndingSignals.limit(
                seconds: timeout.seconds, words: Duration.words(timeout.seconds), status: ExitStatus.hostFailure)
        }
        let status: Int32
        do throws(LabError) {
            var streams = Lab.Streams(notice: Self.say)
            streams.interruption = signals.raw
            let lab = Lab(try labConfiguration(), path: Self.variable("PATH"), cache: Self.cacheDirectory)
            status = try lab.run(streams).exitStatus
        } catch {
            let isEnded = EndingSignals.status != nil || EndingSignals.isInterrupted
            Self.say(isEnded ? EndingSignals.sentence : "\(error)")
            if case .outputClosed = error { status = 128 + SIGPIPE } else { status = error.exitStatus }
        }
        throw ExitCode(EndingSignals.status ?? status)
    }

    /// The devices of both options, in their order on the command line.
    var devices: [LabDevice] {
        (nic + pci).sorted { $0.position < $1.position }.map(\.device)
    }

    /// Returns the configuration that these options describe.
    func labConfiguration() throws(LabError) -> LabConfiguration {
        guard let directory = getcwd(nil, 0) else { throw .system(.last("getcwd")) }
        defer { free(directory) }
        var configuration = LabConfiguration(command: command, currentDirectory: String(cString: directory))
        configuration.devices = devices
        configuration.binding = bind
        configuration.kernel = kernel
        configuration.modulesDirectory = modules
        configuration.modules = module
        configuration.isPacked = pack
        configuration.files = file
        configuration.memoryMiB = Int(clamping: memory.bytes >> 20)
        configuration.cpus = cpus
        configuration.cpuModel = cpu
        configuration.timeout = timeout?.seconds
        configuration.environment = try environment()
        configuration.consoleLog = consoleLog
        configuration.consoleLogLimit = FileLimit(
            (consoleLogLimit ?? .suiteLog).bytes, option: LabConfiguration.logLimitOption)
        configuration.anchor = Self.ownPath.map { [$0, LabAnchor.configuration.commandName ?? ""] }
        return configuration
    }

    /// The path of this program.
    private static var ownPath: String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count = readlink("/proc/self/exe", start, buffer.count)
            return count > 0 ? String(decoding: UnsafeRawBufferPointer(buffer)[..<count], as: UTF8.self) : nil
        }
    }

    /// Returns the command's environment: variables that a shell needs, variables for swiftlet, and requested ones.
    private func environment() throws(LabError) -> [String] {
        var variables: [String: String] = [:]
        for name in ["PATH", "HOME", "TERM", "LANG"] { variables[name] = Self.variable(name) }
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, parts[0].hasPrefix("SWIFTLET_") { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        for text in env {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = parts.first, !name.isEmpty else { throw .usage("--env '\(text)' names no variable") }
            guard let value = parts.count == 2 ? parts[1] : Self.variable(name) else {
                throw .usage("--env \(name): there is no such variable; to set one, write --env \(name)=VALUE")
            }
            variables[name] = value
        }
        variables["SWIFTLET_LAB"] = "1"
        return variables.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private static var cacheDirectory: String? {
        if let cache = variable("XDG_CACHE_HOME"), cache.hasPrefix("/") { return "\(cache)/swiftlet" }
        return variable("HOME").flatMap { $0.hasPrefix("/") ? "\($0)/.cache/swiftlet" : nil }
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    private static func say(_ text: String) { StandardError.say(text, as: "swiftlet lab") }
}

/// A device and its position on the command line, which the order within each option alone doesn't give.
struct PlacedDevice: Sendable {
    let device: LabDevice
    let position: Int

    /// Options are parsed from left to right, so a counter gives their order, even if a command line is parsed several
    /// times.
    private static let count = Atomic(0)

    init(_ kind: LabDevice.Kind, _ text: String) throws(LabError) {
        device = try LabDevice(kind, parsing: text)
        position = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    }
}
