import ArgumentParser

/// The command line's root.
@main
struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "A minimal x86 VMM for Linux/KVM: boots test kernels with passed-through PCI devices, and never ends in silence.",
        subcommands: [RunCommand.self, DevicesCommand.self, LabCommand.self])
}
