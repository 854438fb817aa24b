import Glibc
import HostSystem
import LinuxSystem

/// Runs a command in a nested Linux host: QEMU's software emulation of a machine with virtualization, an IOMMU and the
/// requested devices. Its root file system is this host's own under a temporary layer, or a packed part of it if the
/// kernel can't share files.
public struct Lab: Sendable {
    /// The streams of the command, and the lab's own messages.
    public struct Streams: Sendable {
        /// Descriptors; -1 as input for none.
        public var input: Int32 = 0
        public var output: Int32 = 1
        public var error: Int32 = 2
        /// Receives one line of the lab's messages.
        public var notice: @Sendable (String) -> Void
        /// A descriptor that becomes readable when the run is to end, -1 for none.
        public var interruption: Int32 = -1

        public init(notice: @escaping @Sendable (String) -> Void) {
            self.notice = notice
        }
    }

    /// The result of a run in the lab.
    public struct Outcome: Equatable, Sendable {
        /// The command's own exit status, 128 + n if signal n ended it.
        public let exitStatus: Int32
        /// The number of runs of the command: more than one only if the lab's own kernel crashed.
        public let runs: Int
    }

    public let configuration: LabConfiguration
    private let programs: HostPrograms
    private let cache: String?

    /// - Parameters:
    ///   - path: the value of PATH, by which QEMU and the other programs are found.
    ///   - cache: directory for files that later runs can reuse, nil for none.
    public init(_ configuration: LabConfiguration, path: String?, cache: String?) {
        self.configuration = configuration
        programs = HostPrograms(path: path)
        self.cache = cache
    }

    /// Runs the command to its end. QEMU ends at the latest with the calling thread.
    /// - Throws: `LabError` if the lab and not the command failed.
    public func run(_ streams: Streams) throws(LabError) -> Outcome {
        try configuration.validate()
        let deadline = configuration.timeout.map { MonotonicClock.now + UInt64($0 * 1e9) }
        let qemu = try LabError.wording { () throws(HostSystemError) in
            try programs.require("qemu-system-x86_64", package: "qemu-system-x86")
        }
        // The guardian ends QEMU whenever this process ends, which posix_spawn(3) can't arrange.
        let guardian = try LabError.wording { () throws(HostSystemError) in
            try programs.require("setpriv", package: "util-linux")
        }
        let busybox = try LabError.wording { () throws(HostSystemError) in try programs.staticBusybox() }
        for file in configuration.files { _ = try configuration.existing(file) }
        let kernel = try kernel()
        let image = try BootImage(of: kernel.path, cache: cache, programs: programs)
        if let advice = image.advice { streams.notice(advice) }
        let interface = try interface(kernel, streams)
        let mark = EndMark()
        let archive = try archive(for: kernel, interface: interface, mark: mark, busybox: busybox)

        var input = CommandInput(source: streams.input)
        var runs = 0
        // Crashes before the command was started do not use up its second run.
        var failedStarts = 0
        while true {
            var session = try LabSession(
                configuration, interface, qemu: qemu, guardian: guardian, image: image, archive: archive)
            do throws(LabError) {
                let status = try session.run(streams, &input, mark: mark, deadline: deadline)
                try writeReturned(session.files)
                return Outcome(exitStatus: status, runs: runs + 1)
            } catch {
                if error.isOfTheHost {
                    for line in session.consoleTail(Self.tailLines) { streams.notice("lab host: \(line)") }
                }
                guard case .crashed(let what) = error else { throw error }
                guard session.isStarted else {
                    failedStarts += 1
                    guard failedStarts == 1 else { throw .crashed("\(what), before the command, in 2 starts of 2") }
                    streams.notice(
                        "the lab's own host crashed before it got to the command (\(what)): starting it once more")
                    continue
                }
                runs += 1
                guard runs == 1 else { throw .crashed("\(what), in 2 runs of 2") }
                guard input.isReplayable else {
                    throw .crashed("\(what); the command was not run again because its input could not be given twice")
                }
                streams.notice(
                    "the lab's own host crashed, not the command (\(what)): running the command once more, run 2 of 2")
                input.rewind()
            }
        }
    }

    /// The number of lines of the lab host's kernel log that are shown after a failure.
    private static let tailLines = 30

    private func kernel() throws(LabError) -> HostKernel {
        try LabError.wording { () throws(HostSystemError) in
            if let path = configuration.kernel {
                return try HostKernel.at(path, modules: configuration.modulesDirectory)
            }
            guard configuration.isPacked else { return try HostKernel.newest() }
            return try HostKernel.newest(needing: HostKernel.virtualizationModules)
        }
    }

    private func interface(_ kernel: HostKernel, _ streams: Streams) throws(LabError) -> HostInterface {
        if configuration.isPacked { return HostInterface(files: .packed, streams: .serial) }
        let interface = try HostInterface(modules: kernel.modules) { () throws(LabError) in
            try LabError.wording { () throws(HostSystemError) in try kernel.unpacked(programs) }
        }
        if interface.files == .packed {
            streams.notice(
                """
                \(kernel.path) can't share this machine's files by 9p, so those that the command names are packed; \
                --file packs more
                """
            )
        }
        return interface
    }

    /// Returns the archive that the kernel starts from.
    private func archive(
        for kernel: HostKernel, interface: HostInterface, mark: EndMark, busybox: [UInt8]
    ) throws(LabError) -> [UInt8] {
        var configuration = configuration
        let tree: PackedTree?
        switch interface.files {
        case .shared: tree = nil
        case .packed:
            let applets = try LabError.wording { () throws(HostSystemError) in try programs.applets() }
            let packed = try CommandFiles(of: configuration, busybox: busybox, applets: applets).tree
            // The archive, the files unpacked from it, and some free memory.
            let needed = (packed.size >> 20) * 2 + 256
            guard needed <= configuration.memoryMiB else {
                throw .usage(
                    """
                    the files to pack take \(packed.size >> 20) MiB, for which \(configuration.memoryMiB) MiB of \
                    memory is too little: name fewer or give --memory \(needed)M
                    """)
            }
            tree = packed
        }
        do throws(SystemCallError) {
            let version = try kernel.version
            if interface.files == .packed || version.map({ VersionOrder.precedes($0, Self.neverBlocking) }) == true {
                // The user's variables come later and so take precedence.
                configuration.environment.insert("SWIFT_DETERMINISTIC_HASHING=1", at: 0)
            }
        } catch {
            throw .system(error)
        }
        let start = LabInit(configuration: configuration, interface: interface, mark: mark)
        let modules = try moduleFiles(kernel, interface)
        do throws(SystemCallError) {
            return try start.archive(busybox: busybox, modules: modules, tree: tree)
        } catch {
            throw .system(error)
        }
    }

    /// The first Linux on which getrandom(2), and with it a Swift program's first hash, doesn't wait for randomness
    /// that a machine without disks and users never gathers. Source: random(7), and the kernel's commit 50ee7529ec45.
    private static let neverBlocking = "5.4"

    /// Writes the files that the guest sent back to the current directory.
    private func writeReturned(_ files: [UInt8]) throws(LabError) {
        guard !files.isEmpty else { return }
        let archive = try LabError.wording { () throws(HostSystemError) in
            try Decompressor(programs: programs).unpack(Base64.decode(files), .gzip, object: "the files sent back")
        }
        try ReturnedFiles(archive: archive).write(below: configuration.currentDirectory)
    }

    /// Returns the modules of each list, each module once.
    private func moduleFiles(
        _ kernel: HostKernel, _ interface: HostInterface
    ) throws(LabError) -> [LabInit.ModuleList: [(name: String, contents: [UInt8])]] {
        let modules = kernel.modules
        let unknown = configuration.modules.filter { !modules.has($0) }
        guard unknown.isEmpty else {
            let place =
                modules.directory.isEmpty
                ? ", nor any other: name their directory with --modules" : " in \(modules.directory)"
            throw .usage("\(kernel.path) has no module \(unknown.joined(separator: ", "))\(place)")
        }
        let root = interface.files == .shared ? modules.loadOrder(HostKernel.rootModules) : []
        let virtualization = modules.loadOrder(
            HostKernel.virtualizationModules + (configuration.binding.map { [$0.rawValue] } ?? []))
        let shared = root.filter(virtualization.contains)
        let turns: [(LabInit.ModuleList, [String])] = [
            (.shared, shared), (.root, root), (.virtualization, virtualization),
            (.requested, modules.loadOrder(configuration.modules)),
        ]
        let decompressor = Decompressor(programs: programs)
        var seen: Set<String> = []
        var lists: [LabInit.ModuleList: [(name: String, contents: [UInt8])]] = [:]
        for (list, paths) in turns {
            for path in paths where seen.insert(path).inserted {
                let contents = try LabError.wording { () throws(HostSystemError) in
                    try ModuleFile.contents("\(modules.directory)/\(path)", decompressor)
                }
                lists[list, default: []].append((name: KernelModules.name(ofPath: path), contents: contents))
            }
        }
        return lists
    }
}
