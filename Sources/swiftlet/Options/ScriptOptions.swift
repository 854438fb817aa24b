import ArgumentParser
import Scripting

/// The options that decide a run by the guest's console: docs/verdicts.md.
struct ScriptOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The console must say this, or the run has failed; all of several, in any order. Ends the run as passed \
            when all were seen.
            """,
            valueName: "regex"),
        transform: { try RegularExpression($0) })
    var expect: [RegularExpression] = []

    @Option(
        help: ArgumentHelp(
            """
            Ends the run as failed when the console says this. A Linux kernel's panics, oopses, BUGs, stalls and \
            lockups end it without being asked; none turns that off.
            """,
            valueName: "regex|none"),
        completion: .list(["none"]),
        transform: { try FailOption($0) })
    var failOn: [FailOption] = []

    @Option(
        help: ArgumentHelp(
            """
            Types TEXT, which knows \\n \\r \\t \\e \\xNN, when the console says this. Once; several with the same \
            REGEX take turns.
            """,
            valueName: "regex=text"),
        transform: { try ConsoleAnswer($0) })
    var send: [ConsoleAnswer] = []

    @Option(
        help: "When a run with --expect ends: expected, as soon as all was seen, or end, when the guest ends by itself."
    )
    var until = EndCondition.expected

    /// The script of these options.
    var script: ConsoleScript {
        var script = ConsoleScript(expectations: expect, answers: send, endsWhenMet: until == .expected)
        for option in failOn { option.add(to: &script) }
        return script
    }

    /// The names of these options, for the plain reader.
    static let names = repeatable + ["--until"]
    static let repeatable = ["--expect", "--fail-on", "--send"]
}

/// `--fail-on REGEX|none`.
enum FailOption: Equatable, Sendable {
    case none
    case expression(RegularExpression)

    init(_ argument: String) throws(RegularExpression.Malformed) {
        self = argument == "none" ? .none : .expression(try RegularExpression(argument))
    }

    func add(to script: inout ConsoleScript) {
        switch self {
        case .none: script.watchesKernel = false
        case .expression(let expression): script.failures.append(expression)
        }
    }
}

/// `--until expected|end`.
enum EndCondition: String, ExpressibleByArgument, CaseIterable {
    case expected, end
}

extension ConsoleScript {
    /// Sets one of these options.
    /// - Throws: the reason why it doesn't accept this value, or that there is no such option.
    mutating func set(_ name: String, _ value: String) throws(BadValue) {
        switch name {
        case "--expect":
            expectations.append(
                try Self.read { () throws(RegularExpression.Malformed) in try RegularExpression(value) })
        case "--fail-on":
            try Self.read { () throws(RegularExpression.Malformed) in try FailOption(value) }.add(to: &self)
        case "--send": answers.append(try Self.read { () throws(ConsoleAnswer.Malformed) in try ConsoleAnswer(value) })
        case "--until":
            let condition: EndCondition = try BadValue.named(value)
            endsWhenMet = condition == .expected
        default: throw BadValue("there is no such option")
        }
    }

    private static func read<Value, Malformed: Error>(_ body: () throws(Malformed) -> Value) throws(BadValue) -> Value {
        do throws(Malformed) { return try body() } catch { throw BadValue("\(error)") }
    }
}
