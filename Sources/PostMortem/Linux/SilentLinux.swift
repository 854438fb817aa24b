public import X86

/// A Linux kernel that said nothing on the serial console: why, and what makes it speak.
public struct SilentLinux: Sendable, Equatable {
    /// How far it is known to have come.
    public enum Stage: Sendable, Equatable {
        /// It runs where it was loaded, not at the addresses that it is linked to: it decompresses itself, or takes its
        /// first steps.
        case decompressor
        /// Nothing is known of that.
        case unknown
        /// It has written to its own log.
        case logging
    }

    private let commandLine: LinuxCommandLine
    private let stage: Stage

    /// - Parameter commandLine: what the kernel was given.
    public init(commandLine: LinuxCommandLine, stage: Stage) {
        (self.commandLine, self.stage) = (commandLine, stage)
    }

    /// Sentences for people, most useful first.
    public var hints: [String] {
        var hints: [String] = []
        let start = "nothing came over the serial console"
        let others = commandLine.consoles.filter { !$0.isEmpty }
        if commandLine.namesSerialConsole {
            if let word = commandLine.silencer {
                hints.append(
                    """
                    \(start), and the command line has \(word): without it the kernel shows what it does before \
                    its first process runs
                    """
                )
            }
            if stage == .unknown, !commandLine.printsEarly {
                hints.append(
                    "\(start): --append earlyprintk=serial,ttyS0 shows what the kernel says before its console is up")
            }
        } else if !commandLine.printsEarly {
            if others.isEmpty {
                hints.append("\(start), and the kernel's command line does not ask for it: add --append console=ttyS0")
            } else {
                let names = others.prefix(3).map { "console=\($0.prefix(40))" }.joined(separator: " ")
                hints.append("\(start): \(names) is not the port that is shown here; add --append console=ttyS0")
            }
        } else {
            hints.append("\(start), which only earlyprintk or earlycon ask for: add --append console=ttyS0")
        }
        if stage == .decompressor {
            hints.append(
                """
                the kernel still runs where it was loaded: it decompresses itself, or takes its first steps, and \
                has said nothing yet
                """
            )
        }
        return hints
    }

    /// How far a kernel has come by where a vCPU is. Of a kernel of 64 bits, the lower half is what it runs in before
    /// it has its own addresses, and after that its processes'.
    public static func stage(_ registers: ProcessorRegisters?) -> Stage {
        guard let registers, registers.privilege == 0, !registers.isReset else { return .unknown }
        if registers.is64Bit { return registers.instruction >> 47 == 0 ? .decompressor : .unknown }
        return registers.is32Bit && registers.paging.mode == .none ? .decompressor : .unknown
    }
}
