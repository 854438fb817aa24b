public import ArgumentParser
public import Boot
import Scripting

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
              swiftlet run bzImage --initrd t.cpio --append console=ttyS0 --expect '^tests: [0-9]+ passed$' --fail-on '^not ok' --timeout 60s

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

    @Option(help: "Boot the file as this format whatever its signs say: pvh, linux (or one of its entries: linux64, linux32, linux16), multiboot or flat.")
    var format: KernelFormat?

    @Option(
        help: ArgumentHelp(
            "Pass a PCI function to the guest: BDF[,backend=group|kvm][,msi=signal|irqfd][,slot=N]. May be given several times.", valueName: "bdf"))
    var device: [DeviceOption] = []

    @Option(help: "End the run after this time: 60s, 500ms, 2m.")
    var timeout: TimeLimit?

    @Option(help: "Where the guest's serial console goes: stdio, none, file:PATH.")
    var console = ConsoleOption.stdio

    @Option(help: "Write a report of the run: json:PATH.")
    var report: ReportOption?

    @Option(help: "Record every call to KVM, VFIO and the devices' registers in this file: docs/recording.md.", completion: .file())
    var record: String?

    @OptionGroup(title: "The console")
    var script: ScriptOptions

    /// The same as a value.
    var request: RunRequest {
        RunRequest(
            kernel: kernel, memory: memory, cpus: cpus, append: append, initrd: initrd, format: format, devices: device, timeout: timeout,
            console: console, report: report, record: record, script: script.script)
    }

    func run() throws {
        throw ExitCode(Run(request: request).execute())
    }
}
