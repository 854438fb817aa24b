import ArgumentParser
import KVM
import Scripting

extension RunOption {
    /// The description of an option.
    struct Entry {
        /// The number of values that a command line may have for it.
        enum Count {
            /// It is given or not, and has none.
            case none
            case one
            case several
        }

        /// Stores a value in a request; a flag's is empty.
        typealias Setter = (inout RunRequest, String) throws(BadValue) -> Void

        /// The name of its value in the help; empty for a flag.
        let value: String
        let count: Count
        /// Its short name, without the dash.
        let letter: Character?
        let help: String
        let completion: Completion
        /// The suite key that stands for it; nil where a suite has no use for it, or sees to it itself.
        let key: SuiteKey?
        let set: Setter

        private init(
            _ value: String, _ count: Count, _ letter: Character?, _ help: String, _ completion: Completion,
            _ key: SuiteKey?, _ set: @escaping Setter
        ) {
            (self.value, self.count, self.letter, self.help) = (value, count, letter, help)
            (self.completion, self.key, self.set) = (completion, key, set)
        }

        /// An option with a value.
        init(
            _ value: String, letter: Character? = nil, _ help: String, _ completion: Completion = .none,
            key: SuiteKey? = nil, set: @escaping Setter
        ) {
            self.init(value, .one, letter, help, completion, key, set)
        }

        /// An option that may be given several times.
        init(
            severalOf value: String, _ help: String, _ completion: Completion = .none, key: SuiteKey? = nil,
            set: @escaping Setter
        ) {
            self.init(value, .several, nil, help, completion, key, set)
        }

        /// An option without a value.
        init(flag help: String, key: SuiteKey? = nil, set: @escaping (inout RunRequest) -> Void) {
            self.init("", .none, nil, help, .none, key) { request, _ in set(&request) }
        }
    }

    /// A shell's suggestions for a value. Choices of a type that has few are the parser's own affair.
    enum Completion {
        case none, file, device, console, report, processor
        case words([String])

        fileprivate var kind: CompletionKind? {
            switch self {
            case .none: nil
            case .file: .file()
            case .device: WordCompletion.device
            case .console: WordCompletion.console
            case .report: WordCompletion.report(ReportOption.Format.allCases.map(\.rawValue))
            case .processor: .list(CPUModel.modelNames)
            case .words(let words): .list(words)
            }
        }
    }

    /// The title above the options by which a run is judged on the console: docs/verdicts.md.
    static let consoleTitle = "The console"

    /// As the argument parser takes it.
    fileprivate var declaration: (name: NameSpecification, help: ArgumentHelp, completion: CompletionKind?) {
        let entry = entry
        let long = NameSpecification.Element.customLong(String(rawValue.dropFirst(2)))
        let name = NameSpecification([long] + (entry.letter.map { [.customShort($0)] } ?? []))
        let value = entry.value.isEmpty ? nil : entry.value
        return (name, ArgumentHelp(entry.help, valueName: value), entry.completion.kind)
    }
}

/// Declarations by the table: `@Option(.memory) var memory = ...`.
extension Option {
    init(wrappedValue: Value, _ option: RunOption) where Value: ExpressibleByArgument {
        let (name, help, completion) = option.declaration
        self.init(wrappedValue: wrappedValue, name: name, help: help, completion: completion)
    }

    init<Element: ExpressibleByArgument>(_ option: RunOption) where Value == Element? {
        let (name, help, completion) = option.declaration
        self.init(name: name, help: help, completion: completion)
    }

    init<Element: ExpressibleByArgument>(wrappedValue: [Element], _ option: RunOption) where Value == [Element] {
        let (name, help, completion) = option.declaration
        self.init(wrappedValue: wrappedValue, name: name, help: help, completion: completion)
    }

    init<Element>(_ option: RunOption, transform: @escaping @Sendable (String) throws -> Element)
    where Value == Element? {
        let (name, help, completion) = option.declaration
        self.init(name: name, help: help, completion: completion, transform: transform)
    }

    init<Element>(
        wrappedValue: [Element], _ option: RunOption, transform: @escaping @Sendable (String) throws -> Element
    ) where Value == [Element] {
        let (name, help, completion) = option.declaration
        self.init(wrappedValue: wrappedValue, name: name, help: help, completion: completion, transform: transform)
    }
}

extension Flag where Value == Bool {
    init(wrappedValue: Bool, _ option: RunOption) {
        let (name, help, _) = option.declaration
        self.init(wrappedValue: wrappedValue, name: name, help: help)
    }
}
