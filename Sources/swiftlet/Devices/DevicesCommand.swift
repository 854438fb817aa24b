public import ArgumentParser
import Glibc
public import HostDevices
import KVM
import PCI
import Scripting

/// `swiftlet devices`: lists the host's PCI functions, checks if one can be passed to a guest, and changes their
/// drivers.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "Shows the host's PCI functions and makes them ready to be passed to a guest.",
        discussion: """
            Examples:
              swiftlet devices
              swiftlet devices doctor 0000:03:00.0
              swiftlet devices bind 0000:03:00.0
              swiftlet run nic.elf --device 0000:03:00.0
              swiftlet devices release 0000:03:00.0
            """,
        subcommands: [List.self, Show.self, Doctor.self, Bind.self, Release.self], defaultSubcommand: List.self)

    /// `swiftlet devices list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists every function with its IOMMU group and driver.",
            discussion: """
                Examples:
                  swiftlet devices list
                """)

        func run() throws {
            let functions = try reporting { try HostPCI().functions(named: true) }
            var rows = [["ADDRESS", "GROUP", "DRIVER", "NUMBERS", "CLASS", "NAME"]]
            for function in functions {
                rows.append([
                    "\(function.address)", function.iommuGroup.map { "\($0)" } ?? "-", function.driver ?? "-",
                    function.numericID,
                    function.className, function.name,
                ])
            }
            try output(aligned(rows))
            if functions.allSatisfy({ $0.iommuGroup == nil }), let first = functions.first(where: { !$0.isBridge }) {
                try output(
                    """
                    \nNone can be passed to a guest: the IOMMU is off (swiftlet devices doctor \(first.address) \
                    says how to switch it on).
                    """
                )
            }
        }
    }

    /// `swiftlet devices show BDF`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows one function with its ranges, interrupts and capabilities.",
            discussion: """
                Examples:
                  swiftlet devices show 0000:03:00.0
                  swiftlet devices show 03:00.0
                """)

        @Argument(
            help: "The function: 0000:00:04.0 or 00:04.0.", completion: WordCompletion.function, transform: pciAddress)
        var address: PCIAddress

        func run() throws {
            guard let function = try reporting({ try HostPCI().function(at: address, named: true) }) else {
                throw absent(address)
            }
            try output("\(function.address) \(function.name)")
            try output(aligned(DeviceDescription(function).rows.map { ["", $0.label, $0.text] }))
        }
    }

    /// `swiftlet devices doctor BDF`
    struct Doctor: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                """
                Checks whether a function can be passed to a guest now, and says what to do about each thing in \
                the way.
                """,
            discussion: """
                Examples:
                  swiftlet devices doctor 0000:03:00.0
                  swiftlet devices doctor 03:00.0 --memory 2G

                Exit status: 0 when it is ready, 69 when it is not.
                """)

        @Argument(
            help: "The function: 0000:00:04.0 or 00:04.0.", completion: WordCompletion.function, transform: pciAddress)
        var address: PCIAddress

        @Option(help: "The guest's memory, all of which will be pinned.")
        var memory = MemorySize(bytes: 256 << 20)

        func run() throws {
            var isReady = true
            let interface = Self.interface()
            if interface == .kvm {
                try output("note  interface: this host has no VFIO, so KVM's own assignment it is (backend=kvm)")
            }
            for check in DeviceReadiness(interface).checks(address, guestMemory: memory.bytes) {
                switch check.outcome {
                case .passed(let finding): try output("ok    \(check.title): \(finding)")
                case .notReached: try output("-     \(check.title): not checked: fix the above first")
                case .failed(let reason):
                    isReady = false
                    try output("FAIL  \(check.title): \(reason.problem)")
                    try output("      do: \(reason.fix)")
                    for (index, command) in reason.rawCommands.enumerated() {
                        try output("      \(index == 0 ? "or:" : "   ") \(command)")
                    }
                }
            }
            for use in DeviceUse.ofHost(address) { try output("note  use: \(use)") }
            try output(isReady ? "\(address) is ready." : "\(address) is not ready.")
            if !isReady { throw ExitCode(ExitStatus.unavailable) }
        }

        /// Returns the interface that `run` would choose.
        private static func interface() -> AssignmentInterface {
            do throws(KVMError) {
                let hypervisor = try Hypervisor()
                return .choose(isOffered: hypervisor.check(.assignDeviceIRQ) > 0)
            } catch {
                return .group
            }
        }
    }

    /// `swiftlet devices bind BDF...`
    struct Bind: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                """
                Takes functions from their drivers and gives them to the one that holds them for a guest: all of \
                them or none.
                """,
            discussion: """
                Examples:
                  swiftlet devices bind 0000:03:00.0
                  swiftlet devices bind 03:00.0 03:00.1 --driver pci-stub
                """)

        @Argument(
            help: "The functions: 0000:00:04.0 or 00:04.0.", completion: WordCompletion.function, transform: pciAddress)
        var addresses: [PCIAddress]

        @Option(help: "Who gets them: vfio-pci, or pci-stub for hosts with legacy KVM assignment.")
        var driver = DriverBinding.Holder.vfioPCI

        @Flag(help: "Take them even if the host is using them, or needs them as its bridges.")
        var force = false

        func run() throws {
            let moved = try reporting { try DriverBinding().bind(addresses, to: driver, force: force) }
            for address in addresses {
                try output("\(address): \(moved.contains(address) ? "bound to" : "already with") \(driver.rawValue)")
            }
        }
    }

    /// `swiftlet devices release BDF...`
    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives functions back to the drivers they had before.",
            discussion: """
                Examples:
                  swiftlet devices release 0000:03:00.0
                  swiftlet devices release 03:00.0 03:00.1 --force
                """)

        @Argument(
            help: "The functions: 0000:00:04.0 or 00:04.0.", completion: WordCompletion.function, transform: pciAddress)
        var addresses: [PCIAddress]

        @Flag(help: "Also if a guest is using them: waits until it lets go.")
        var force = false

        func run() throws {
            try reporting { try DriverBinding().release(addresses, force: force) }
            for address in addresses {
                try output(
                    "\(address): \(HostFilesystem().driver(of: address).map { "with \($0) again" } ?? "with no driver")"
                )
            }
        }
    }
}

extension DriverBinding.Holder: ExpressibleByArgument {}

/// Parses a PCI address on the command line.
func pciAddress(_ argument: String) throws -> PCIAddress {
    guard let address = PCIAddress(argument) else {
        throw ValidationError("'\(argument)' is not a PCI address: it is written 0000:00:04.0 or 00:04.0.")
    }
    return address
}

/// Prints a line, or ends with the status for output that can't be written.
private func output(_ text: String) throws {
    guard StandardOutput.write("\(VisibleText.lines(text))\n") else { throw ExitCode(ExitStatus.cannotCreate) }
}

/// Turns an error into its sentence on standard error and its exit status.
private func reporting<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch {
        throw failure("\(error)", ExitStatus.of(error))
    }
}

private func absent(_ address: PCIAddress) -> ExitCode {
    let presence = DeviceReadiness().checks(address).first
    guard case .failed(let reason)? = presence?.outcome else {
        return failure("\(address) went away meanwhile", ExitStatus.unavailable)
    }
    return failure("\(reason)", ExitStatus.of(reason))
}

private func failure(_ sentence: String, _ status: Int32) -> ExitCode {
    StandardError.say(sentence)
    return ExitCode(status)
}

/// Aligns columns to their widest cell; the last one is not padded. Names of devices and files are made visible.
private func aligned(_ rows: [[String]]) -> String {
    let rows = rows.map { $0.map { VisibleText.line($0) } }
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.compactMap { column < $0.count ? $0[column].count : nil }.max() ?? 0
    }
    return rows.map { row in
        let cells = row.enumerated().map { column, cell in
            column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
        }
        return cells.joined(separator: "  ")
    }.joined(separator: "\n")
}
