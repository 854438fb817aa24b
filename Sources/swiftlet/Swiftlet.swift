import ArgumentParser
import Glibc
import LinuxSystem

/// The command line's root.
@main
struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract:
            """
            A minimal x86 VMM for Linux/KVM: boots test kernels with passed-through PCI devices, and never ends in \
            silence.
            """,
        discussion: """
            Examples:
              swiftlet run bzImage --append console=ttyS0 --timeout 60s
              swiftlet suite boots.toml --jobs 2 --report junit:boots.xml
              swiftlet devices
              swiftlet lab --nic e1000e --bind -- swiftlet devices

            Each subcommand has a help and a manual page of its own, with examples: swiftlet run --help, \
            man swiftlet-run.
            """,
        version: ProgramVersion.line,
        subcommands: [
            RunCommand.self, SuiteCommand.self, DevicesCommand.self, LabCommand.self, LabAnchor.self,
            ManualCommand.self,
        ])

    static func main() {
        EndingSignals.begin()
        guard ParentTie.bind() else {
            StandardError.say("the suite that started this run has ended (\(ParentTie.variable) names another parent)")
            Glibc.exit(ExitStatus.hostFailure)
        }
        let arguments = ProgramArguments.words
        if arguments.count > 2, arguments[1] == "run", let request = RunRequest(plain: arguments[2...]) {
            Glibc.exit(Run(request: request).execute())
        }
        StandardOutput.watch()
        Glibc.exit(CommandLineReader.execute(Array(arguments.dropFirst())))
    }
}
