public import X86

/// A Linux kernel that printed nothing on the serial console: the reason, and the remedy.
public struct SilentLinux: Sendable, Equatable {
    /// The progress of the kernel's start.
    public enum Stage: Sendable, Equatable {
        /// It runs where it was loaded, not at its linked addresses: it decompresses itself, or has only just started.
        case decompressor
        /// Unknown.
        case unknown
        /// It has written to its own log.
        case logging
    }

    private let commandLine: LinuxCommandLine
    private let stage: Stage

    /// - Parameter commandLine: the kernel's command line.
    public init(commandLine: LinuxCommandLine, stage: Stage) {
        (self.commandLine, self.stage) = (commandLine, stage)
    }

    /// Advice for people, most useful first.
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

    /// Derives the progress from a vCPU's position. A 64-bit kernel runs in the lower half of the addresses before it
    /// has set up its own, and its processes run there later.
    public static func stage(_ registers: ProcessorRegisters?) -> Stage {
        guard let registers, registers.privilege == 0, !registers.isReset else { return .unknown }
        if registers.is64Bit { return registers.instruction >> 47 == 0 ? .decompressor : .unknown }
        return registers.is32Bit && registers.paging.mode == .none ? .decompressor : .unknown
    }
}
