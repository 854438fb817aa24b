/// All expressions to search for on a console, as one automaton.
struct Search {
    /// The purpose of an expression.
    enum Purpose {
        /// Indices in the script, and in `KernelDistress.all`.
        case expectation(Int), failure(Int), answer(Int), distress(Int)
        case harmless, panicEnd
    }

    /// By the number that the automaton returns.
    private(set) var purposes: [Purpose] = []
    var automaton: PatternAutomaton

    init(_ script: ConsoleScript) {
        var purposes: [Purpose] = []
        var expressions: [RegularExpression] = []
        func add(_ expression: RegularExpression?, _ purpose: Purpose) {
            guard let expression else { return }
            expressions.append(expression)
            purposes.append(purpose)
        }
        for (index, expression) in script.failures.enumerated() { add(expression, .failure(index)) }
        for (index, expression) in script.expectations.enumerated() { add(expression, .expectation(index)) }
        for (index, answer) in script.answers.enumerated() {
            let isFirst = !script.answers[..<index].contains { $0.expression == answer.expression }
            if isFirst { add(answer.expression, .answer(index)) }
        }
        if script.watchesKernel {
            // A test ensures that all of them can be parsed.
            for text in KernelDistress.harmless { add(try? RegularExpression(text), .harmless) }
            for (index, distress) in KernelDistress.all.enumerated() {
                add(try? RegularExpression(distress.expression), .distress(index))
            }
            add(try? RegularExpression(KernelDistress.panicEnd), .panicEnd)
        }
        self.purposes = purposes
        automaton = PatternAutomaton(expressions)
    }
}
