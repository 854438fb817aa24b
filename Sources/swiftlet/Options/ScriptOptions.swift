import ArgumentParser
import Scripting

/// The options that decide a run by the guest's console: docs/verdicts.md.
struct ScriptOptions: ParsableArguments {
    @Option(.expect, transform: { try RegularExpression($0) })
    var expect: [RegularExpression] = []

    @Option(.failOn, transform: { try FailOption($0) })
    var failOn: [FailOption] = []

    @Option(.send, transform: { try ConsoleAnswer($0) })
    var send: [ConsoleAnswer] = []

    @Option(.until)
    var until = EndCondition.expected

    /// The script of these options.
    var script: ConsoleScript {
        var script = ConsoleScript(expectations: expect, answers: send, endsWhenMet: until == .expected)
        for option in failOn { option.add(to: &script) }
        return script
    }
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
