/// A manual page of section 1, in the macros of man(7).
struct ManualPage {
    /// The page's name for `man`: `swiftlet-run`.
    let name: String
    let text: String

    /// The day of the last change of the pages' own text.
    private static let date = "2026-11-21"

    /// Returns the program's page and one for each of its subcommands, which includes the commands below it.
    static func all(of program: CommandHelp) -> [ManualPage] {
        [ManualPage(program, others: program.shown)] + program.shown.map { ManualPage($0, others: [program]) }
    }

    private init(_ command: CommandHelp, others: [CommandHelp]) {
        name = Self.name(of: command)
        let isProgram = command.superCommands?.isEmpty ?? true
        let parts = isProgram || command.shown.isEmpty ? [command] : command.shown
        var page = Roff()
        page.title(name.uppercased(), "1", day: Self.date, source: "swiftlet", manual: "User Commands")
        page.macro("SH", "NAME")
        page.line("\(name) - \(Self.lowered(command.abstract ?? ""))")
        page.macro("SH", "SYNOPSIS")
        for part in parts { page.paragraph(Self.synopsis(of: part)) }
        page.macro("SH", "DESCRIPTION")
        page.paragraph(command.abstract ?? "")
        Self.describe(command, &page)
        if isProgram {
            page.macro("SH", "COMMANDS")
            for other in others { page.entry([[.bold(other.commandName)]], other.abstract ?? "") }
        }
        Self.list(command.arguments ?? [], &page)
        if !isProgram {
            for part in command.shown {
                page.macro("SH", part.commandName.uppercased())
                page.paragraph([.bold(part.line)])
                page.paragraph(part.abstract ?? "")
                Self.describe(part, &page)
                Self.list(part.arguments ?? [], &page, isPart: true)
            }
        }
        Self.end(command, &page)
        page.macro("SH", "SEE ALSO")
        for (index, other) in others.enumerated() {
            page.macro("BR", Self.name(of: other), index == others.count - 1 ? "(1)" : "(1),")
        }
        text = page.text
    }

    private static func name(of command: CommandHelp) -> String {
        command.line.split(separator: " ").joined(separator: "-")
    }

    /// Returns a sentence in the form of the NAME section.
    private static func lowered(_ sentence: String) -> String {
        let text = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    private static func synopsis(of command: CommandHelp) -> [Roff.Piece] {
        var pieces: [Roff.Piece] = [.bold(command.line)]
        let arguments = (command.arguments ?? []).filter { $0.shouldDisplay }
        if arguments.contains(where: { $0.kind != "positional" && $0.valueName != "help" }) {
            pieces += [.plain(" ["), .italic("option"), .plain("]...")]
        }
        if !command.shown.isEmpty { pieces += [.plain(" "), .italic("command"), .plain(" ...")] }
        for argument in arguments where argument.kind == "positional" {
            pieces += [
                .plain(argument.isOptional ? " [" : " "), .italic(argument.valueName ?? ""),
                .plain(argument.isOptional ? "]" : ""),
            ]
            if argument.isRepeating { pieces.append(.plain("...")) }
        }
        return pieces
    }

    /// Adds the discussion except examples and statuses.
    private static func describe(_ command: CommandHelp, _ page: inout Roff) {
        for part in command.paragraphs
        where !part.hasPrefix(CommandHelp.examplesTitle) && !part.hasPrefix(CommandHelp.statusTitle) {
            page.paragraph(part)
        }
    }

    private static func list(_ arguments: [CommandHelp.Argument], _ page: inout Roff, isPart: Bool = false) {
        var title: String?
        // Arguments with a title of their own come last, or `--help` would be alone after them.
        let shown = arguments.filter(\.shouldDisplay)
        for argument in shown.filter({ $0.sectionTitle == nil }) + shown.filter({ $0.sectionTitle != nil }) {
            let next = argument.kind == "positional" ? "Arguments" : argument.sectionTitle ?? "Options"
            if next != title { page.macro(isPart ? "SS" : "SH", isPart ? next : next.uppercased()) }
            title = next
            let value: [Roff.Piece] = argument.kind == "option" ? [.plain(" "), .italic(argument.valueName ?? "")] : []
            let names = (argument.names ?? []).map { $0.text }.sorted { $0.utf8.count < $1.utf8.count }
            var heads = names.map { [Roff.Piece.bold($0)] + value }
            if argument.kind == "positional" { heads = [[.italic(argument.valueName ?? "")]] }
            page.entry(heads, [argument.abstract, remark(argument)].compactMap(\.self).joined(separator: " "))
        }
    }

    private static func remark(_ argument: CommandHelp.Argument) -> String? {
        let abstract = argument.abstract ?? ""
        var notes: [String] = []
        // Only if the sentence doesn't name them.
        if let values = argument.allValues, !values.allSatisfy({ abstract.contains($0) }) {
            notes.append("One of: \(values.joined(separator: ", ")).")
        }
        if let value = argument.defaultValue, !value.isEmpty { notes.append("Default: \(value).") }
        return notes.isEmpty ? nil : notes.joined(separator: " ")
    }

    /// Adds statuses and examples of a command and of its subcommands.
    private static func end(_ command: CommandHelp, _ page: inout Roff) {
        let all = [command] + (command.superCommands?.isEmpty ?? true ? [] : command.shown)
        let statuses = all.flatMap { part in
            part.paragraphs.filter { $0.hasPrefix(CommandHelp.statusTitle) }.map { (part, $0) }
        }
        if !statuses.isEmpty { page.macro("SH", "EXIT STATUS") }
        for (part, text) in statuses {
            let sentence = text.dropFirst(CommandHelp.statusTitle.count)
            page.paragraph(part.line == command.line ? String(sentence) : "\(part.line): \(sentence)")
        }
        page.macro("SH", "EXAMPLES")
        page.literal(all.flatMap(\.examples))
    }
}
