import ArgumentParser
import FoundationEssentials

/// The argument parser's description of a command and its subcommands: the source of `--help` and of the manual pages.
struct CommandHelp: Decodable {
    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String

            /// The option as it is typed.
            var text: String { kind == "long" ? "--\(name)" : "-\(name)" }
        }

        let kind: String
        let shouldDisplay: Bool
        let isOptional: Bool
        let isRepeating: Bool
        var parsingStrategy: String?
        var names: [Name]?
        var valueName: String?
        var defaultValue: String?
        var allValues: [String]?
        var abstract: String?
        var sectionTitle: String?
    }

    let commandName: String
    let shouldDisplay: Bool
    var abstract: String?
    var discussion: String?
    var subcommands: [CommandHelp]?
    var arguments: [Argument]?
    var superCommands: [String]?

    /// The whole program.
    static func ofProgram() throws -> CommandHelp {
        struct Dump: Decodable { let command: CommandHelp }
        return try JSONDecoder().decode(Dump.self, from: Data(Swiftlet._dumpHelp().utf8)).command
    }

    /// The command as it is typed: `swiftlet devices bind`.
    var line: String { ((superCommands ?? []) + [commandName]).joined(separator: " ") }

    /// The subcommands for users.
    var shown: [CommandHelp] { (subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" } }

    /// The discussion's parts, separated by empty lines.
    var paragraphs: [String] {
        var parts: [[Substring]] = [[]]
        for line in (discussion ?? "").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { parts.append([]) } else { parts[parts.count - 1].append(line) }
        }
        return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
    }

    /// The lines of the part that begins with `Examples:`, without their indentation.
    var examples: [String] {
        guard let part = paragraphs.first(where: { $0.hasPrefix(Self.examplesTitle) }) else { return [] }
        return part.split(separator: "\n").dropFirst().map { String($0.dropFirst($0.hasPrefix("  ") ? 2 : 0)) }
    }

    static let examplesTitle = "Examples:"
    static let statusTitle = "Exit status: "
}
