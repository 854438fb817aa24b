public import ArgumentParser
public import Boot
import KVM
import Scripting
public import VMM

extension KernelFormat: ExpressibleByArgument {}
extension ExitPortStyle: ExpressibleByArgument {}
extension DiskImage.Kind: ExpressibleByArgument {}
extension SignalKeys: ExpressibleByArgument {}
extension BootModule: ExpressibleByArgument {
    public init?(argument: String) { self.init(words: argument) }
    public var defaultValueDescription: String { arguments.isEmpty ? path : "\(path) \(arguments)" }
}

/// `swiftlet run`: boots one kernel and exits with its result.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Boot a kernel, pass devices to it, and end with its result.",
        discussion: """
            Examples:
              swiftlet run guests/build/hello.elf
              swiftlet run nic.elf --append irq=msix --device 0000:00:04.0
              swiftlet run test.elf --timeout 30s --report json:run.json
              swiftlet run test.elf --console file:console.log --report junit:run.xml
              swiftlet run bzImage --initrd t.cpio --append "console=ttyS0 panic=-1" \\
                  --expect '^tests: [0-9]+ passed$' --fail-on '^not ok' --timeout 60s
              swiftlet run bzImage --append console=ttyS0 --send 'login: $=root\\n' \\
                  --expect '# $' --timeout 2m

            Exit status: 0 passed, 1 failed, 2..63 the value the guest wrote to port 0xf4, 64..78 bad usage, input or \
            permission,
            101 panic, 102 triple fault, 103 reset, 104 KVM internal error, 124 timeout or hang, 125 the host failed, \
            128+N ended by signal N.
            """)

    @Argument(
        help:
            """
            The kernel: an ELF file with a PVH note, a Linux bzImage, a multiboot 1 image, a disk with a boot \
            sector, or a flat binary (.bin).
            """,
        completion: .file())
    var kernel: String?

    @Option(.firmware) var firmware: String?
    @Option(.memory) var memory = MemorySize(bytes: 256 << 20)
    @Flag(.hugePages) var hugePages = false
    @Option(.cpus) var cpus = 1
    @Option(.append) var append: [String] = []
    @Option(.initrd) var initrd: [String] = []
    @Option(.module) var module: [BootModule] = []
    @Option(.format) var format: KernelFormat?
    @Option(.diskType) var diskType: DiskImage.Kind?
    @Option(.device) var device: [DeviceOption] = []
    @Option(.timeout) var timeout: TimeLimit?
    @Option(.onReset) var onReset = ResetAction.end
    @Option(.console) var console = ConsoleOption.stdio
    @Flag(.consoleStamps) var consoleStamps = false
    @Option(.signalKeys) var signalKeys = SignalKeys.host
    @Option(.debugConsole) var debugConsole = DebugConsoleOption.none
    @Option(.report) var report: [ReportOption] = []
    @Option(.cpu, transform: { try CPUModel($0) }) var cpu: CPUModel?
    @Option(.exitPort) var exitPort = ExitPortOption.standard
    @Option(.exitPortStyle) var exitPortStyle = ExitPortStyle.plain
    @Flag(.testdev) var testdev = false
    @Option(.testFunction) var testFunction: [TestFunctionOption] = []
    @Option(.record) var record: String?
    @Option(.trace) var trace: String?
    @Option(.fileLimit) var fileLimit: SizeLimit?
    @Option(.symbols) var symbols: String?
    @Option(.postMortem) var postMortem = PostMortemDetail.short

    @OptionGroup(title: RunOption.consoleTitle)
    var script: ScriptOptions

    /// The request that these options describe.
    var request: RunRequest {
        RunRequest(
            kernel: kernel ?? "", firmware: firmware, memory: memory, hugePages: hugePages, cpus: cpus,
            append: RunRequest.joined(append), initrds: initrd,
            modules: module,
            format: format, devices: device, timeout: timeout, onReset: onReset, console: console,
            consoleStamps: consoleStamps, signalKeys: signalKeys,
            debugConsole: debugConsole, reports: report, record: record, trace: trace, fileLimit: fileLimit, cpu: cpu,
            exitPort: exitPort,
            exitPortStyle: exitPortStyle, testdev: testdev, testFunctions: testFunction, diskKind: diskType,
            symbols: symbols, postMortem: postMortem,
            script: script.script)
    }

    func validate() throws {
        if let contradiction = request.contradiction { throw ValidationError(contradiction) }
    }

    func run() throws {
        throw ExitCode(Run(request: request).execute())
    }
}
