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
        abstract: "Boot a kernel, pass devices to it, and end with what became of it.",
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

    @Option(
        help: "Boot this firmware image instead of a kernel: a ROM that is mapped below 4 GiB, as SeaBIOS.",
        completion: .file())
    var firmware: String?

    @Option(name: .shortAndLong, help: "Guest memory: 256M, 2G, ...")
    var memory = MemorySize(bytes: 256 << 20)

    @Flag(name: .customLong("hugepages"), help: "Take guest memory from the host's huge pages of 2 MiB.")
    var hugePages = false

    @Option(help: "How many vCPUs.")
    var cpus = 1

    @Option(help: "The kernel's command line. May be given several times: the parts are joined by a blank.")
    var append: [String] = []

    @Option(
        help:
            """
            A file handed to the kernel as its initrd or multiboot module. May be given several times: the kernel \
            gets them in order.
            """,
        completion: .file())
    var initrd: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A multiboot or PVH module with its arguments, behind those that --initrd names. May be given several \
            times.
            """,
            valueName: "'file args'"),
        completion: .file())
    var module: [BootModule] = []

    @Option(
        help:
            """
            Boot the file as this format whatever its signs say: pvh, linux (or one of its entries: linux64, \
            linux32, linux16), multiboot, disk or flat.
            """
    )
    var format: KernelFormat?

    @Option(
        help: "What a disk image is: floppy, disk or cd. (default: by its size, its partition table, its boot record)")
    var diskType: DiskImage.Kind?

    @Option(
        help: ArgumentHelp(
            """
            Pass a PCI function to the guest: BDF[,backend=group|kvm][,msi=signal|irqfd][,slot=N][,rom=on|off]. \
            May be given several times.
            """,
            valueName: "bdf"),
        completion: WordCompletion.device)
    var device: [DeviceOption] = []

    @Option(help: "End the run after this time: 60s, 500ms, 2m.")
    var timeout: TimeLimit?

    @Option(help: "What a guest's reset does: end the run (end), or start the machine again (reboot).")
    var onReset = ResetAction.end

    @Option(
        help: """
            Where the guest's serial console goes: stdio, quoted (stdio with control characters, invisible ones and CI \
            systems' commands made visible), none, file:PATH.
            """,
        completion: WordCompletion.console)
    var console = ConsoleOption.stdio

    @Flag(
        help:
            """
            Put the time before each line of the console's output, in seconds from the first vCPU's start: [    \
            1.234567].
            """
    )
    var consoleStamps = false

    @Option(
        help:
            """
            What ^C, ^\\ and ^Z do at a terminal: end or stop swiftlet (host), or go to the guest (guest). ^A x \
            ends the run, ^A h shows the keys.
            """
    )
    var signalKeys = SignalKeys.host

    @Option(
        help:
            """
            Show a debug port on the console: 0x402, where firmware prints (console), 0xe9, where kernels do (e9), \
            or none.
            """
    )
    var debugConsole = DebugConsoleOption.none

    @Option(
        help: "Write a report of the run: json:PATH, junit:PATH, tap:PATH. May be given several times.",
        completion: WordCompletion.report(ReportOption.Format.allCases.map(\.rawValue)))
    var report: [ReportOption] = []

    @Option(
        help: ArgumentHelp(
            "The guest's processor, as QEMU's -cpu takes it: host, host,-xsave, qemu64,+x2apic, ... (default: host)",
            valueName: "model"),
        completion: .list(CPUModel.modelNames),
        transform: { try CPUModel($0) })
    var cpu: CPUModel?

    @Option(
        help: ArgumentHelp(
            "The port where a value that the guest writes ends the run: 0xf4, 0x501, another that is free, or none.",
            valueName: "port"),
        completion: .list(["0xf4", "0x501", "none"]))
    var exitPort = ExitPortOption.standard

    @Option(
        help: "What a value written to the exit port makes of the exit status: plain, or as QEMU's isa-debug-exit does."
    )
    var exitPortStyle = ExitPortStyle.plain

    @Flag(help: "Add the test device of kvm-unit-tests: docs/kvm-unit-tests.md.")
    var testdev = false

    @Option(
        help: ArgumentHelp(
            """
            Add a PCI function that raises INTx, MSI and MSI-X on request, in this slot (1 to 31, or auto): \
            docs/machine.md. May be given several times.
            """,
            valueName: "slot"),
        completion: .list(["auto"]))
    var testFunction: [TestFunctionOption] = []

    @Option(
        help: "Record every call to KVM, VFIO and the devices' registers in this file: docs/recording.md.",
        completion: .file())
    var record: String?

    @Option(
        help: "Write a timeline of the run, which opens in Perfetto's viewer, to this file: docs/trace.md.",
        completion: .file())
    var trace: String?

    @Option(
        help: ArgumentHelp(
            """
            How large the console's file, the recording and the trace may become, each: 64M, 4G, or none. What \
            comes then is counted, not written. (default: console 1G, recording 256M, trace 1G)
            """,
            valueName: "size"))
    var fileLimit: SizeLimit?

    @Option(
        help:
            """
            Where the post-mortem of a guest that hangs or dies finds the kernel's names: its ELF file (vmlinux) \
            or System.map. (default: the kernel itself)
            """,
        completion: .file())
    var symbols: String?

    @Option(
        help: """
            How much is said of a guest that hangs or dies: why, in some lines (short), its registers, stack, \
            interrupt controllers and last exits too (full), or nothing (off).
            """)
    var postMortem = PostMortemDetail.short

    @OptionGroup(title: "The console")
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
