import Scripting

/// The report's part about the console: docs/report.md.
struct ConsoleReport: Encodable {
    struct Expression: Encodable {
        let expression: String
        /// Null if it was not seen.
        let seconds: Double?
        let line: String?

        init(_ expression: RegularExpression, _ sighting: ConsoleFindings.Sighting?) {
            self.expression = expression.text
            (seconds, line) = (sighting?.seconds, sighting?.line)
        }

        private enum Key: CodingKey { case expression, seconds, line }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(expression, forKey: .expression)
            try container.encode(seconds, forKey: .seconds)
            try container.encode(line, forKey: .line)
        }
    }

    struct Failure: Encodable {
        /// The name of the kernel's distress, or `fail-on`.
        let kind: String
        /// The expression of `--fail-on`; null for the kernel's own messages.
        let expression: String?
        let seconds: Double
        let line: String

        init(_ failure: ConsoleFindings.Failure, _ script: ConsoleScript) {
            switch failure.cause {
            case .script(let index): (kind, expression) = ("fail-on", script.failures[index].text)
            case .kernel(let name, _): (kind, expression) = (name, nil)
            }
            (seconds, line) = (failure.sighting.seconds, failure.sighting.line)
        }

        private enum Key: CodingKey { case kind, expression, seconds, line }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(kind, forKey: .kind)
            try container.encode(expression, forKey: .expression)
            try container.encode(seconds, forKey: .seconds)
            try container.encode(line, forKey: .line)
        }
    }

    var expectations: [Expression] = []
    var answers: [Expression] = []
    /// The first failure seen, and a different panic after it.
    var failures: [Failure] = []
    /// The number of bytes missing in the console's file because of its limit.
    var missing = 0

    /// For a run that never started.
    init() {}

    init(_ script: ConsoleScript, _ findings: ConsoleFindings) {
        expectations = zip(script.expectations, findings.expectations).map { Expression($0, $1) }
        answers = zip(script.answers, findings.answers).map { Expression($0.expression, $1) }
        var failures = [findings.failure].compactMap { $0 }
        if let panic = findings.panic, panic != findings.failure { failures.append(panic) }
        self.failures = failures.map { Failure($0, script) }
    }
}
