import ArgumentParser
import TestSupport
import Testing

@testable import swiftlet

/// `--help` and the manual pages, which have one source: they tell of everything the parser takes, and of nothing else.
@Suite struct CommandHelpTests {
    /// Every command that people see.
    static func commands(_ command: any ParsableCommand.Type = Swiftlet.self) -> [any ParsableCommand.Type] {
        var found = [command]
        for below in command.configuration.subcommands where below.configuration.shouldDisplay {
            found += commands(below)
        }
        return found
    }

    static func helps(_ help: CommandHelp) -> [CommandHelp] { [help] + help.shown.flatMap { helps($0) } }

    /// Lines as a shell joins them.
    static func joined(_ lines: [String]) -> [String] {
        var joined: [String] = []
        for line in lines {
            if let last = joined.last, last.hasSuffix(" \\") {
                joined[joined.count - 1] = "\(last.dropLast())\(line.drop { $0 == " " })"
            } else {
                joined.append(line)
            }
        }
        return joined
    }

    /// What the parser makes of words: the command's kind, and what is asked for where it is a run.
    private static func parsed(_ words: [String]) throws -> (ObjectIdentifier, RunRequest?) {
        func kind(_ command: some ParsableCommand) -> ObjectIdentifier { ObjectIdentifier(type(of: command)) }
        let command = try Swiftlet.parseAsRoot(words)
        return (kind(command), (command as? RunCommand)?.request)
    }

    @Test func everyCommandHasExamplesThatTheParserTakes() throws {
        let (types, helps) = (Self.commands(), Self.helps(try .ofProgram()))
        #expect(types.count == helps.count)
        #expect(helps.count >= 10)
        for (type, help) in zip(types, helps) {
            let examples = Self.joined(help.examples)
            #expect(!examples.isEmpty, "\(help.line) has no examples")
            var own = 0
            for example in examples {
                let words = try ShellWords.split(example)
                #expect(words.first == "swiftlet", "\(example)")
                let (kind, run) = try Self.parsed(Array(words.dropFirst()))
                if kind == ObjectIdentifier(type) || !help.shown.isEmpty { own += 1 }
                if let run { #expect(RunRequest(plain: words.dropFirst(2)) == run, "the short reader: \(example)") }
            }
            #expect(own > 0, "none of \(help.line)'s examples is of it")
        }
    }

    @Test func examplesFitATerminal() throws {
        for (type, help) in zip(Self.commands(), Self.helps(try .ofProgram())) {
            let text = Swiftlet.helpMessage(for: type, columns: 80).split(separator: "\n").map(String.init)
            for line in help.examples { #expect(text.contains("  \(line)"), "\(line)") }
        }
    }

    /// The options that a page or help names at a line's beginning.
    private static func named(_ lines: [String]) -> [String] {
        lines.filter { $0.hasPrefix("-") }.flatMap { line in
            line.split(separator: ",").compactMap { $0.split(separator: " ").first }.filter { $0.hasPrefix("-") }.map(
                String.init)
        }
    }

    @Test func manualPagesHaveEveryOptionAndNoOther() throws {
        let program = try CommandHelp.ofProgram()
        let pages = ManualPage.all(of: program)
        #expect(pages.map(\.name) == ["swiftlet"] + program.shown.map { "swiftlet-\($0.commandName)" })
        for (page, command) in zip(pages, [program] + program.shown) {
            let lines = page.text.split(separator: "\n").map(String.init)
            // Option heads stand behind .TP.
            let heads = zip(lines, lines.dropFirst()).filter { $0.0 == ".TP" }.map { Self.plain($0.1) }
            let commands = [command] + (command.commandName == "swiftlet" ? [] : command.shown)
            let expected = commands.flatMap {
                ($0.arguments ?? []).filter(\.shouldDisplay).flatMap { ($0.names ?? []).map(\.text) }
            }
            #expect(Self.named(heads).sorted() == expected.sorted())
            #expect(expected.contains("--help"))
            #expect(heads.count > 0)
            // The parser itself knows each: it doesn't answer with an unknown option.
            for part in commands {
                for name in (part.arguments ?? []).flatMap({ ($0.names ?? []).map(\.text) })
                where name != "--help" && name != "-h" {
                    let words = part.line.split(separator: " ").dropFirst().map(String.init) + [name]
                    do { _ = try Swiftlet.parseAsRoot(words) } catch {
                        #expect(!Swiftlet.message(for: error).contains("Unknown option"), "\(words)")
                    }
                }
            }
            for example in commands.flatMap(\.examples) {
                #expect(lines.map(Self.plain).contains(example), "\(example)")
            }
        }
    }

    /// A line without roff's marks.
    private static func plain(_ line: String) -> String {
        var text = line
        for (mark, meaning) in [
            ("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\&", ""), ("\\-", "-"), ("\\(aq", "'"), ("\\(dq", "\""),
            ("\\(ga", "`"), ("\\(ha", "^"),
            ("\\(ti", "~"),
            ("\\e", "\\"),
        ] {
            while let range = text.firstRange(of: mark) {
                text.replaceSubrange(range, with: meaning == "\\" ? "\u{1}" : meaning)
            }
        }
        return String(text.map { $0 == "\u{1}" ? "\\" : $0 })
    }

    @Test func manualPagesAreCleanToTheirReaders() throws {
        let directory = try TemporaryDirectory()
        #expect(try SwiftletProcess(["manual", directory.path]).wait().status == 0)
        for page in ManualPage.all(of: try .ofProgram()) {
            let file = "\(directory.path)/\(page.name).1"
            let lint = try SwiftletProcess(["-T", "lint", "-W", "warning", file], program: "/usr/bin/mandoc").wait()
            #expect(lint.status == 0, "\(lint.output)")
            #expect(lint.output.isEmpty, "\(lint.output)")
            #expect(lint.errors.isEmpty, "\(lint.output)")
            let shown = try SwiftletProcess(["-T", "ascii", file], program: "/usr/bin/mandoc").wait()
            #expect(shown.output.contains("EXAMPLES") || shown.output.contains("E\u{8}EX"))
        }
        #expect(try SwiftletProcess(["manual", "\(directory.path)/none"]).wait().status == 73)
    }

    @Test func roffChangesNothing() {
        var page = Roff()
        page.line(".so /etc/passwd")
        page.line("'\\n\"-^~`")
        #expect(page.text == "\\&.so /etc/passwd\n\\(aq\\en\\(dq\\-\\(ha\\(ti\\(ga\n")
    }
}
