import ArgumentParser
import Glibc

/// The command line's root.
@main
struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "A minimal x86 VMM for Linux/KVM: boots test kernels with passed-through PCI devices, and never ends in silence.",
        subcommands: [RunCommand.self, SuiteCommand.self, DevicesCommand.self, LabCommand.self, LabAnchor.self])

    static func main() {
        let arguments = CommandLine.arguments
        if arguments.count > 2, arguments[1] == "run", let request = RunRequest(plain: arguments[2...]) {
            Glibc.exit(Run(request: request).execute())
        }
        main(nil)
    }
}
