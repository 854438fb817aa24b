import ArgumentParser
import FoundationEssentials
import TestSupport
import Testing

@testable import Scripting
@testable import swiftlet

/// The table of the options of `run` is what the argument parser declares, what suites take and what documents say.
struct RunOptionTests {
    /// The options that a command declares, without those that the parser adds.
    private static func declared(_ command: String) throws -> [CommandHelp.Argument] {
        let help = try #require(CommandHelp.ofProgram().subcommands?.first { $0.commandName == command })
        let own = ["--help", "--version"]
        return (help.arguments ?? []).filter { argument in
            argument.kind != "positional" && !(argument.names ?? []).contains { own.contains($0.text) }
        }
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(TestKernel.root)/\(path)", encoding: .utf8)
    }

    /// The first cells of a page's table that begins with this row, as they stand.
    private static func cells(_ page: String, below head: String) throws -> [Substring] {
        let lines = try text(page).split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix(head) }, "\(page) has no table \(head)")
        return lines[(start + 2)...].prefix { $0.hasPrefix("|") }.compactMap { $0.split(separator: " | ").first }
    }

    private static func quoted(_ cell: Substring) -> [String] { cell.matches(of: /`([^`]+)`/).map { String($0.1) } }

    @Test func theParserDeclaresTheTable() throws {
        let declared = try Self.declared("run")
        #expect(declared.compactMap { $0.names?.first?.text } == RunOption.allCases.map(\.rawValue))
        for (argument, option) in zip(declared, RunOption.allCases) {
            let entry = option.entry
            let names = [option.rawValue] + (entry.letter.map { ["-\($0)"] } ?? [])
            #expect((argument.names ?? []).map(\.text) == names)
            #expect(argument.kind == (entry.count == .none ? "flag" : "option"), "\(option)")
            #expect(argument.isRepeating == (entry.count == .several), "\(option)")
            #expect(argument.abstract == entry.help, "\(option)")
            #expect(entry.count == .none || argument.valueName == entry.value, "\(option)")
        }
        let titled = declared.filter { $0.sectionTitle == RunOption.consoleTitle }.compactMap { $0.names?.first?.text }
        #expect(titled == [RunOption.expect, .failOn, .send, .until].map(\.rawValue))
    }

    /// A value for each that is not what a run has without it.
    private static func value(_ option: RunOption) -> String {
        switch option {
        case .firmware, .initrd, .module, .record, .trace, .symbols: "file"
        case .memory, .fileLimit: "64M"
        case .hugePages, .consoleStamps, .testdev: ""
        case .cpus, .testFunction: "3"
        case .append, .expect, .failOn: "words"
        case .format: "flat"
        case .diskType: "cd"
        case .device: "00:04.0,rom=on"
        case .timeout: "7s"
        case .onReset: "reboot"
        case .console: "none"
        case .signalKeys: "guest"
        case .debugConsole: "e9"
        case .report: "tap:file"
        case .cpu: "qemu64"
        case .exitPort: "0x501"
        case .exitPortStyle: "qemu"
        case .postMortem: "full"
        case .send: "a=b"
        case .until: "end"
        }
    }

    /// Each sets a part of the request, the same by both readers.
    @Test(arguments: RunOption.allCases)
    func bothReadersTakeIt(_ option: RunOption) throws {
        let value = Self.value(option)
        let kernel = option == .firmware ? [] : ["kernel"]
        let words = option.entry.count == .none ? [option.rawValue] : [option.rawValue, value]
        var without = RunRequest()
        if option != .firmware { without.kernel = "kernel" }
        let request = try #require(RunRequest(plain: (kernel + words)[...]))
        #expect(request != without)
        #expect(try RunCommand.parse(kernel + words).request == request)
        // Twice where it is a list, and there alone.
        let twice = RunRequest(plain: (kernel + words + words)[...])
        if option != .report { #expect((twice != nil) == (option.entry.count == .several)) }
    }

    @Test func suitesTakeWhatTheTableSays() {
        let keys = RunOption.allCases.compactMap(\.entry.key)
        #expect(keys.count == Set(keys).count)
        #expect(Set(keys) == Set(SuiteKey.allCases.filter { $0.option != nil }))
        for option in RunOption.allCases {
            guard let key = option.entry.key else { continue }
            #expect(key.option == option.rawValue)
            #expect((key.form == .truth) == (option.entry.count == .none), "\(key)")
            #expect(!key.form.takesSeveral || option.entry.count == .several, "\(key)")
        }
        // A suite sees to its consoles, nobody types there, and a recording is looked into one by one.
        let keyless = RunOption.allCases.filter { $0.entry.key == nil }
        #expect(keyless == [.console, .signalKeys, .record])
    }

    // MARK: Documents

    /// An option's row in docs/options.md.
    private static func row(_ option: RunOption) -> String {
        let entry = option.entry
        let value = entry.value.isEmpty ? "" : " <\(entry.value)>"
        let names = (entry.letter.map { ["-\($0)"] } ?? []) + [option.rawValue]
        let cells = [
            names.map { "`\($0)\(value)`" }.joined(separator: ", "), entry.help,
            entry.key.map { "`\($0.rawValue)`" } ?? "",
        ]
        return "| \(cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")) |"
    }

    @Test func thePageOfOptionsIsTheTable() throws {
        let rows = try Self.text("docs/options.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
        let expected = RunOption.allCases.map(Self.row)
        #expect(rows.map(String.init) == expected, "docs/options.md should say:\n\(expected.joined(separator: "\n"))")
    }

    @Test func thePageOfSuitesNamesEachKeyAndOption() throws {
        let keys = try Self.cells("docs/suites.md", below: "| key | value").flatMap(Self.quoted)
        #expect(Set(keys) == Set(SuiteKey.allCases.map(\.rawValue) + ["name", "matrix"]))
        #expect(keys.count == Set(keys).count)
        let named = try Self.cells("docs/suites.md", below: "| option |").flatMap(Self.quoted)
        let options = try Self.declared("suite").compactMap { $0.names?.first?.text }
        #expect(Set(named.map { String($0.prefix { $0 != " " }) }) == Set(options))
        #expect(named.count == options.count)
    }
}
