public import ArgumentParser
import Assignment
public import Boot
import Glibc
import KVM
import LinuxSystem
import PCI
import VMM

extension KernelFormat: ExpressibleByArgument {}

/// `swiftlet run`: boots one kernel and ends with what became of it.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Boot a kernel, pass devices to it, and end with what became of it.",
        discussion: """
            Examples:
              swiftlet run guests/build/hello.elf
              swiftlet run nic.elf --append irq=msix --device 0000:00:04.0
              swiftlet run test.elf --timeout 30s --report json:run.json

            Exit status: 0 passed, 1 failed, 2..63 the value the guest wrote to port 0xf4, 64..78 bad usage, input or permission,
            101 panic, 102 triple fault, 103 reset, 104 KVM internal error, 124 timeout, 125 the host failed, 128+N ended by signal N.
            """)

    @Argument(help: "The kernel: an ELF file with a PVH note, a multiboot 1 image, or a flat binary (.bin).", completion: .file())
    var kernel: String

    @Option(name: .shortAndLong, help: "Guest memory: 256M, 2G, ...")
    var memory = MemorySize(bytes: 256 << 20)

    @Option(help: "How many vCPUs.")
    var cpus = 1

    @Option(help: "The kernel's command line.")
    var append = ""

    @Option(help: "A file handed to the kernel as its initrd or first multiboot module.", completion: .file())
    var initrd: String?

    @Option(help: "Boot the file as this format whatever its signs say: pvh, multiboot or flat.")
    var format: KernelFormat?

    @Option(help: ArgumentHelp(
        "Pass a PCI function to the guest: BDF[,msi=signal|irqfd][,slot=N]. May be given several times.", valueName: "bdf"))
    var device: [DeviceOption] = []

    @Option(help: "End the run after this time: 60s, 500ms, 2m.")
    var timeout: TimeLimit?

    @Option(help: "Where the guest's serial console goes: stdio, none, file:PATH.")
    var console = ConsoleOption.stdio

    @Option(help: "Write a report of the run: json:PATH.")
    var report: ReportOption?

    func run() throws {
        do {
            throw ExitCode(try start())
        } catch let code as ExitCode {
            throw code
        } catch {
            Self.say("\(error)")
            throw ExitCode(ExitStatus.of(error))
        }
    }

    /// Opens what the run writes to, boots, and accounts for it in the report whatever came of it.
    private func start() throws -> Int32 {
        // Before any thread is started, so that every thread leaves these signals to the main one.
        let signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        signal(SIGPIPE, SIG_IGN)
        guard let path = report?.path else { return try boot(signals) { _ in } }
        let file = try ReportFile(path)
        do {
            return try boot(signals) { report in try file.write(report) }
        } catch where !(error is ReportError) {
            try file.write(RunReport(kernel: kernel, status: ExitStatus.of(error), message: "\(error)"))
            throw error
        }
    }

    private static func say(_ text: String) {
        let line = Array("swiftlet: \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }

    private func boot(_ signals: borrowing SignalDescriptor, account: (RunReport) throws -> Void) throws -> Int32 {
        let consoleFile = try openConsole()
        var output: Int32?
        var input: Int32?
        if case .stdio = console { (output, input) = (1, 0) }
        if case .some(let file) = consoleFile { output = file.raw }
        let hypervisor = try Hypervisor()
        let machine = try Machine(
            MachineConfiguration(
                memory: memory.bytes, cpus: cpus, consoleOutput: output, consoleInput: input, timeout: timeout?.seconds),
            on: hypervisor)
        try machine.load(BootConfiguration(kernel: kernel, commandLine: append, initrd: initrd, format: format))
        let devices = try AssignedDevices(device, on: machine)
        defer { devices.release() }
        let result = try machine.run(signals: signals)
        let verdict = Verdict(result.outcome)
        try account(RunReport(kernel: kernel, verdict: verdict, result: result, devices: devices.report))
        tell(result, verdict)
        return verdict.status
    }

    private func openConsole() throws -> Descriptor? {
        guard case .file(let path) = console else { return nil }
        do throws(SystemCallError) {
            return try Descriptor(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_APPEND)
        } catch {
            throw ReportError(description: "the console can't be written to \(path): \(error.errno)")
        }
    }

    /// The last words: registers where KVM failed, the console's tail where nobody saw it, and one line that says what happened.
    private func tell(_ result: Machine.Result, _ verdict: Verdict) {
        if verdict.status != ExitStatus.passed {
            if case .internalError(_, _, let registers) = result.outcome { for line in registers { Self.say(line) } }
            let tail = result.consoleTail.split(separator: "\n").suffix(5)
            if case .stdio = console {} else { for line in tail { Self.say("console: \(line)") } }
        }
        Self.say(verdict.sentence)
    }
}
