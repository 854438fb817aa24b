import ArgumentParser
import Scripting

/// The options by which a run is judged on the guest's console: docs/verdicts.md.
struct ScriptOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The console must say this, or the run has failed; all of several, in any order. Ends the run as passed when all were seen.",
            valueName: "regex"),
        transform: { try RegularExpression($0) })
    var expect: [RegularExpression] = []

    @Option(
        help: ArgumentHelp(
            "Ends the run as failed when the console says this. A Linux kernel's panics, oopses, BUGs, stalls and lockups end it without being asked; none turns that off.",
            valueName: "regex|none"),
        completion: .list(["none"]),
        transform: { try FailOption($0) })
    var failOn: [FailOption] = []

    @Option(
        help: ArgumentHelp(
            "Types TEXT, which knows \\n \\r \\t \\e \\xNN, when the console says this. Once; several with the same REGEX take turns.",
            valueName: "regex=text"),
        transform: { try ConsoleAnswer($0) })
    var send: [ConsoleAnswer] = []

    @Option(help: "When a run with --expect ends: expected, as soon as all was seen, or end, when the guest ends by itself.")
    var until = EndCondition.expected

    /// The same as a value.
    var script: ConsoleScript {
        var script = ConsoleScript(expectations: expect, answers: send, endsWhenMet: until == .expected)
        for option in failOn { option.add(to: &script) }
        return script
    }

    /// Their names, as the plain reader knows them.
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
    /// Takes a plain option.
    /// - Returns: false for one that is unknown or badly formed, about which the argument parser has the words.
    mutating func set(_ name: String, _ value: String) -> Bool {
        switch name {
        case "--expect":
            guard let expression = try? RegularExpression(value) else { return false }
            expectations.append(expression)
        case "--fail-on":
            guard let option = try? FailOption(value) else { return false }
            option.add(to: &self)
        case "--send":
            guard let answer = try? ConsoleAnswer(value) else { return false }
            answers.append(answer)
        case "--until":
            guard let condition = EndCondition(rawValue: value) else { return false }
            endsWhenMet = condition == .expected
        default: return false
        }
        return true
    }
}
