/// The words after a command, split into its options and arguments.
struct OptionLine {
    private let command: CommandHelp
    private var seen: [(name: String, value: String?)] = []
    private var arguments = 0

    init(_ command: CommandHelp) { self.command = command }

    /// - Throws: the first error.
    mutating func read(_ words: ArraySlice<String>) throws(UsageError) {
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" { break }
            guard word.hasPrefix("-"), word != "-" else {
                try readArgument(word)
                continue
            }
            let parts = Self.parts(word)
            if parts.name == "-h" || parts.name == "--help" || parts.name == "--version" {
                throw error(
                    """
                    \(word) stands beside other words, so nothing was done; it is asked for alone: \(command.line) \
                    \(word)
                    """
                )
            }
            guard let option = option(parts.name) else { throw unknown(parts.name) }
            let name = option.name
            guard option.argument.kind != "flag" else {
                guard parts.value == nil else { throw error("\(name) takes no value") }
                try record(name, nil, option.argument)
                continue
            }
            var value = parts.value
            // The one kind whose value may be omitted: `--bind [DRIVER]`.
            let isOptional = option.argument.parsingStrategy == "scanningForValue"
            if value == nil, let next = rest.first, !next.hasPrefix("-") || next == "-",
                !isOptional || option.argument.allValues?.contains(next) == true
            {
                value = next
                rest.removeFirst()
            }
            guard value != nil || isOptional else {
                let next = rest.first.map { "; one that begins with a dash is written \(name)=\($0)" } ?? ""
                throw error("\(name) needs a value after it\(next)")
            }
            try record(name, value, option.argument)
            if let value { try check(name, value, option.argument) }
        }
        let needed = places.filter { !$0.isOptional }
        guard arguments + rest.count >= needed.count else {
            throw error(
                "the \(needed[arguments + rest.count].valueName ?? "argument") is missing; see '\(command.line) --help'"
            )
        }
    }

    /// Arguments that are no options, except those that only follow `--` and are not to be mixed up with earlier ones.
    private var places: [CommandHelp.Argument] {
        (command.arguments ?? []).filter { $0.kind == "positional" && $0.parsingStrategy != "postTerminator" }
    }

    /// Splits an option's name and the value that is joined to it. By bytes: see `SchemePath`.
    private static func parts(_ word: String) -> (name: String, value: String?) {
        guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (word, nil) }
        return (String(word[..<equals]), String(word[word.utf8.index(after: equals)...]))
    }

    /// Returns the option with a name, and its long name.
    private func option(_ name: String) -> (name: String, argument: CommandHelp.Argument)? {
        for argument in command.arguments ?? [] {
            let names = (argument.names ?? []).map(\.text)
            if names.contains(name) { return (names.first { $0.hasPrefix("--") } ?? name, argument) }
        }
        return nil
    }

    private mutating func readArgument(_ word: String) throws(UsageError) {
        guard let place = places.first else {
            let behind = (command.arguments ?? []).first { $0.kind == "positional" }
            throw error(
                """
                '\(word)' is not expected \
                here\(behind.map { "; the \($0.valueName ?? "command") comes after --" } ?? "")
                """
            )
        }
        guard !word.isEmpty else {
            throw error(
                "an empty word stands where the \(place.valueName ?? "argument") is expected; is a variable not set?")
        }
        arguments += 1
        guard places.contains(where: \.isRepeating) || arguments <= places.count else {
            let option = option("--\(word)").map { ": did you mean \($0.name)?" }
            throw error(
                "'\(word)' is one word too many\(option ?? ", there is a \(place.valueName ?? "argument") already")")
        }
        do throws(BadValue) { try OptionCheck.check(argument: word, of: place.valueName ?? "") } catch {
            throw self.error(error.reason)
        }
    }

    /// Records an option, which may be given only once unless it is a list.
    private mutating func record(_ name: String, _ value: String?, _ argument: CommandHelp.Argument) throws(UsageError)
    {
        if !argument.isRepeating, let before = seen.first(where: { $0.name == name }) {
            let values = [before.value, value].compactMap { $0.map { "'\($0)'" } }
            throw error(
                "\(name) is given twice\(values.count == 2 ? ", as \(values[0]) and \(values[1])" : ""): give it once")
        }
        seen.append((name, value))
    }

    private func check(_ name: String, _ value: String, _ argument: CommandHelp.Argument) throws(UsageError) {
        do throws(BadValue) {
            try OptionCheck.check(name, value, of: command.commandName)
            if let choices = argument.allValues, !choices.contains(value) { throw BadValue.choice(value, of: choices) }
        } catch {
            throw self.error("\(name) does not take '\(value)': \(error.reason)")
        }
    }

    private func unknown(_ name: String) -> UsageError {
        let isShort = !name.hasPrefix("--")
        let plain = String(name.drop { $0 == "-" })
        let known = (command.arguments ?? []).flatMap { ($0.names ?? []).map(\.text) }.filter { $0.hasPrefix("--") }
        var hint: String?
        if known.contains("--\(plain)") {
            hint = "did you mean --\(plain)?"
        } else if command.commandName == "run", let ours = QEMUOption.inOurWords(plain) {
            hint = ours
        } else if let near = NearOption.option(plain, among: known) {
            hint = "did you mean \(near)?"
        }
        // Letters after one dash are not options of one letter each here.
        let rule =
            isShort && plain.count > 1
            ? "options have two dashes" : "swiftlet's options are listed by '\(command.line) --help'"
        return error("\(command.line) has no option \(name): \(hint ?? rule)")
    }

    private func error(_ sentence: String) -> UsageError { UsageError(sentence: sentence, command: command.line) }
}
