public import ArgumentParser
import Glibc
import Lab
import LinuxSystem
import Synchronization

extension LabConfiguration.Driver: ExpressibleByArgument {}

/// `swiftlet lab`: runs a command in a nested Linux host that has KVM, an IOMMU and the devices asked for.
struct LabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Run a command in a nested Linux host with KVM, an IOMMU and PCI devices, without any hardware for it.",
        discussion: """
            The host is QEMU's software emulation; its root is this machine's file system under a throw-away layer. The current directory and
            all below it are this machine's own: what the command writes there stays, all else is gone when it ends. The devices sit at
            0000:00:04.0, 05.0, ... in the order given.

            Examples:
              swiftlet lab -- lspci -nn
              swiftlet lab --nic e1000e --pci edu --bind -- .build/release/swiftlet run nic.elf --device 0000:00:04.0

            Exit status: the command's own, 128+N where signal N ended it; 64 bad usage, 69 a package is missing, 125 the lab failed and
            nothing was learnt about the command.
            """)

    @Option(help: ArgumentHelp(
        "Add a NIC on a user network of its own (DHCP 10.0.2.15, gateway 10.0.2.2): e1000e, virtio-net-pci, ...", valueName: "model[,key=value]..."),
        transform: { try PlacedDevice(.nic, $0) })
    var nic: [PlacedDevice] = []

    @Option(help: ArgumentHelp("Add another PCI device: edu, nvme, qemu-xhci, ...", valueName: "model[,key=value]..."),
        transform: { try PlacedDevice(.pci, $0) })
    var pci: [PlacedDevice] = []

    @Option(defaultAsFlag: .vfioPCI, help: "Give all devices to this driver.")
    var bind: LabConfiguration.Driver?

    @Option(help: "The host's kernel, a bzImage or ELF file. (default: the newest in /boot that has modules)", completion: .file())
    var kernel: String?

    @Option(help: "Directory of the kernel's modules. (default: /lib/modules/ and its version)", completion: .directory)
    var modules: String?

    @Option(help: ArgumentHelp("Load this module of the host's kernel too, such as a NIC's driver.", valueName: "name"))
    var module: [String] = []

    @Option(name: .shortAndLong, help: "The host's memory.")
    var memory = MemorySize(bytes: 3 << 30)

    @Option(help: "The host's CPUs.")
    var cpus = 2

    @Option(help: "End the run after this time: 60s, 500ms, 2m.")
    var timeout: TimeLimit?

    @Option(help: ArgumentHelp("Pass an environment variable to the command, with this value or with its own.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Write the host's kernel log to a file as it comes.", valueName: "path"), completion: .file())
    var consoleLog: String?

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    func run() throws {
        var caught: Int32?
        do throws(LabError) {
            throw ExitCode(try runLab(&caught))
        } catch let code as ExitCode {
            throw code
        } catch {
            Self.say("\(error)")
            if let caught { Self.end(by: caught) }
            throw ExitCode((error as? LabError)?.exitStatus ?? ExitStatus.hostFailure)
        }
    }

    private static func say(_ text: String) {
        let line = Array("swiftlet lab: \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}
