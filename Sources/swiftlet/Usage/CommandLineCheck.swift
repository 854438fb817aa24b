import ArgumentParser

/// Checks a command line before the argument parser reads it: returns its request, or an error.
///
/// The parser splits `-nographic` into `-n`, `-o` and so on, finds `-h` among them, and responds with help and status
/// 0, as if the run had passed. Of an option that is given twice it uses the last value. So it only gets lines that
/// passed this check. Status 0 without a run is reserved for lines that ask for help, the version, a completion script
/// or a shell's completions, and for nothing else.
struct CommandLineCheck {
    /// The request of a line.
    enum Request: Equatable {
        /// The help of a command by its names: none for the program's own.
        case help([String])
        case version
        case completionScript(String)
        /// A shell's request for completions.
        case completions
        /// A command to be carried out.
        case command
    }

    private let program: CommandHelp

    init(of program: CommandHelp) { self.program = program }

    /// - Parameter words: the arguments of `swiftlet`.
    func request(_ words: [String]) throws(UsageError) -> Request {
        guard let first = words.first else {
            throw UsageError(sentence: "say what to do: \(commands(of: program))", command: program.line)
        }
        switch first {
        // Words between the program and its own completion scripts.
        case "---completion": return .completions
        case "--generate-completion-script": return .completionScript(try shell(words.dropFirst()))
        case _ where first.hasPrefix("--generate-completion-script="):
            return .completionScript(
                try shell([String(first.dropFirst("--generate-completion-script=".count))] + words.dropFirst()))
        case "help":
            let command = try descend(words.dropFirst(), mayEndEarly: false)
            return .help(command.path)
        default: break
        }
        let (command, path, rest) = try descend(words[...], mayEndEarly: true)
        if rest.count == 1, let word = rest.first {
            if word == "-h" || word == "--help" { return .help(path) }
            if word == "--version" { return .version }
        }
        guard !path.isEmpty else { throw unknownCommand(rest.first ?? "", of: program) }
        var line = OptionLine(command)
        try line.read(rest)
        return .command
    }

    /// Follows the names of commands.
    /// - Parameter mayEndEarly: true if other words may follow them.
    private func descend(_ words: ArraySlice<String>, mayEndEarly: Bool) throws(UsageError)
        -> (command: CommandHelp, path: [String], rest: ArraySlice<String>)
    {
        var (command, path, rest) = (program, [String](), words)
        while let word = rest.first,
            let below = (command.subcommands ?? []).first(where: { $0.commandName == word && word != "help" })
        {
            (command, path) = (below, path + [word])
            rest.removeFirst()
        }
        if let word = rest.first, !mayEndEarly || !command.shown.isEmpty && !word.hasPrefix("-") {
            throw unknownCommand(word, of: command)
        }
        return (command, path, rest)
    }

    private func shell(_ words: some Collection<String>) throws(UsageError) -> String {
        let known = CompletionShell.allCases.map(\.rawValue)
        guard words.count == 1, let name = words.first, known.contains(name) else {
            throw UsageError(
                sentence: "--generate-completion-script takes one shell: \(known.joined(separator: ", "))",
                command: program.line)
        }
        return name
    }

    private func unknownCommand(_ word: String, of command: CommandHelp) -> UsageError {
        func error(_ sentence: String) -> UsageError { UsageError(sentence: sentence, command: command.line) }
        guard !word.isEmpty else {
            return error("an empty word stands where a command is expected; is a variable not set?")
        }
        guard !word.hasPrefix("-") else {
            let example =
                word.hasPrefix("-h") || word.hasPrefix("--help")
                ? "help is asked for alone" : "options come after the command"
            return error("\(word) is no command: \(example); the commands are \(commands(of: command))")
        }
        guard !command.shown.isEmpty else {
            return error("\(command.line) has no commands below it, so '\(word)' is not one")
        }
        let near = BadValue.near(word, command.shown.map(\.commandName)).map { "did you mean '\(command.line) \($0)'?" }
        return error("\(command.line) has no command '\(word)'; \(near ?? "there are \(commands(of: command))")")
    }

    private func commands(of command: CommandHelp) -> String {
        command.shown.map(\.commandName).joined(separator: ", ")
    }
}
