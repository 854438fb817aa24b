import ArgumentParser

/// The command line's root.
@main
struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "A minimal x86 VMM for Linux/KVM: boots test kernels with passed-through PCI devices, and never ends in silence.",
        subcommands: [RunCommand.self, DevicesCommand.self, LabCommand.self])

    static func main() {
        // `run` is what scripts start a thousand times: it is parsed by itself, without building the tree of all commands. Whatever is
        // wrong with its arguments, and every other command, goes the ordinary way, which has the right words.
        let arguments = CommandLine.arguments
        if arguments.count > 2, arguments[1] == RunCommand.configuration.commandName,
            var command = try? RunCommand.parse(Array(arguments[2...]))
        {
            do { try command.run() } catch { exit(withError: error) }
        } else {
            main(nil)
        }
    }
}
