import Glibc
import LinuxSystem

/// Runs a command in a nested Linux host: QEMU's software emulation of a machine with virtualization, an IOMMU and the devices asked for,
/// whose root file system is this host's own under a throw-away layer.
public struct Lab: Sendable {
    /// Where the command's streams come from and go to, and where the lab itself speaks.
    public struct Streams: Sendable {
        /// Descriptors; -1 as input for none.
        public var input: Int32 = 0
        public var output: Int32 = 1
        public var error: Int32 = 2
        /// Takes one line that the lab has to say.
        public var notice: @Sendable (String) -> Void
        /// A descriptor that becomes readable when the run shall end, -1 for none.
        public var interruption: Int32 = -1

        public init(notice: @escaping @Sendable (String) -> Void) {
            self.notice = notice
        }
    }

    /// What a run in the lab came to.
    public struct Outcome: Equatable, Sendable {
        /// The command's own exit status, 128 + n where signal n ended it.
        public let exitStatus: Int32
        /// How often the command was run: more than once only where the lab's own kernel crashed.
        public let runs: Int
    }

    public let configuration: LabConfiguration
    private let programs: HostPrograms
    private let cache: String?

    /// - Parameters:
    ///   - path: the value of PATH, by which QEMU and the other programs are found.
    ///   - cache: directory for what later runs can use again, nil for none.
    public init(_ configuration: LabConfiguration, path: String?, cache: String?) {
        self.configuration = configuration
        programs = HostPrograms(path: path)
        self.cache = cache
    }

    /// Runs the command to its end. QEMU doesn't outlive the calling thread.
    /// - Throws: `LabError` where the lab and not the command failed.
    public func run(_ streams: Streams) throws(LabError) -> Outcome {
        try configuration.validate()
        let deadline = configuration.timeout.map { MonotonicClock.now + UInt64($0 * 1e9) }
        let qemu = try programs.require("qemu-system-x86_64", package: "qemu-system-x86")
        // It ends QEMU with us whatever ends us, which posix_spawn(3) can't arrange.
        let guardian = try programs.require("setpriv", package: "util-linux")
        let busybox = try programs.staticBusybox()
        let kernel =
            if let path = configuration.kernel {
                try HostKernel.at(path, modules: configuration.modulesDirectory)
            } else {
                try HostKernel.newest()
            }
        let image = try BootImage(of: kernel.path, cache: cache, programs: programs)
        if let advice = image.advice { streams.notice(advice) }
        let mark = EndMark()
        let archive = LabInit(configuration: configuration, mark: mark).archive(busybox: busybox, modules: try moduleFiles(kernel))

        var input = CommandInput(source: streams.input)
        var runs = 0
        while true {
            runs += 1
            var session = try LabSession(configuration, qemu: qemu, guardian: guardian, image: image, archive: archive)
            do throws(LabError) {
                return Outcome(exitStatus: try session.run(streams, &input, mark: mark, deadline: deadline), runs: runs)
            } catch {
                if error.isOfTheHost { for line in session.consoleTail(Self.tailLines) { streams.notice("lab host: \(line)") } }
                guard case .crashed(let what) = error else { throw error }
                guard runs == 1 else { throw .crashed("\(what), in \(runs) runs of \(runs)") }
                guard input.isReplayable else {
                    throw .crashed("\(what); the command was not run again because its input could not be given twice")
                }
                streams.notice("the lab's own host kernel crashed, not the command (\(what)): running the command once more, run 2 of 2")
                input.rewind()
            }
        }
    }

    /// Lines of the lab host's kernel log that are shown where it failed.
    private static let tailLines = 30

    /// The modules of each list, each module once.
    private func moduleFiles(_ kernel: HostKernel) throws(LabError) -> [LabInit.ModuleList: [(name: String, contents: [UInt8])]] {
        let modules = kernel.modules
        let unknown = configuration.modules.filter { !modules.has($0) }
        guard unknown.isEmpty else {
            throw .usage("\(kernel.path) has no module \(unknown.joined(separator: ", ")) in '\(modules.directory)'")
        }
        let root = modules.loadOrder(HostKernel.rootModules)
        let virtualization = modules.loadOrder(
            HostKernel.virtualizationModules + (configuration.binding.map { [$0.rawValue] } ?? []))
        let shared = root.filter(virtualization.contains)
        let turns: [(LabInit.ModuleList, [String])] = [
            (.shared, shared), (.root, root), (.virtualization, virtualization), (.requested, modules.loadOrder(configuration.modules)),
        ]
        let decompressor = Decompressor(programs: programs)
        var seen: Set<String> = []
        var lists: [LabInit.ModuleList: [(name: String, contents: [UInt8])]] = [:]
        for (list, paths) in turns {
            for path in paths where seen.insert(path).inserted {
                let contents = try ModuleFile.contents("\(modules.directory)/\(path)", decompressor)
                lists[list, default: []].append((name: KernelModules.name(ofPath: path), contents: contents))
            }
        }
        return lists
    }
}
