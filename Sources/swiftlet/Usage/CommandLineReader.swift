import ArgumentParser
import Glibc

/// Carries out a command line's request with the argument parser.
enum CommandLineReader {
    /// - Parameter words: the arguments of `swiftlet`.
    /// - Returns: the exit status. 0 for help and the like that was requested and written, and for a command that
    ///   succeeded.
    static func execute(_ words: [String]) -> Int32 {
        do {
            let check = CommandLineCheck(of: try CommandHelp.ofProgram())
            switch try check.request(words) {
            case .help(let path): return answer(helpMessage(path))
            case .version: return answer(ProgramVersion.line)
            case .completionScript(let shell):
                return answer(CompletionShell(rawValue: shell).map { CompletionScript($0).text } ?? "")
            case .completions: return complete(words)
            case .command:
                var command = try Swiftlet.parseAsRoot(words)
                try command.run()
                return ExitStatus.passed
            }
        } catch let error as UsageError {
            return printUsageError(error.sentence, of: error.command)
        } catch let exit as ExitCode {
            return exit.rawValue
        } catch {
            guard Swiftlet.exitCode(for: error) == .validationFailure else {
                StandardError.say("\(error)")
                return ExitStatus.of(error)
            }
            return printUsageError(Swiftlet.message(for: error), of: Swiftlet.configuration.commandName ?? "")
        }
    }

    private static func helpMessage(_ path: [String]) -> String {
        do {
            var command = try Swiftlet.parseAsRoot(path + ["--help"])
            try command.run()
            return ""
        } catch {
            return Swiftlet.fullMessage(for: error)
        }
    }

    private static func complete(_ words: [String]) -> Int32 {
        do {
            _ = try Swiftlet.parseAsRoot(words)
            return ExitStatus.usage
        } catch {
            guard Swiftlet.exitCode(for: error) == .success else {
                return printUsageError(Swiftlet.message(for: error), of: "swiftlet")
            }
            return answer(Swiftlet.message(for: error))
        }
    }

    private static func answer(_ text: String) -> Int32 {
        guard !text.isEmpty else {
            StandardError.say("there is no such help or script")
            return ExitStatus.usage
        }
        return StandardOutput.write(text.hasSuffix("\n") ? text : text + "\n")
            ? ExitStatus.passed : ExitStatus.cannotCreate
    }

    /// Prints the error; the last line is the sentence, as after every other end.
    private static func printUsageError(_ sentence: String, of command: String) -> Int32 {
        StandardError.say("'\(command) --help' lists the options")
        StandardError.say(sentence)
        return ExitStatus.usage
    }
}
