import PostMortem
import Scripting
import VMM

extension Verdict {
    /// Combines the run's end and its console to a verdict.
    ///
    /// A failure seen on the console takes precedence over the guest's own end, which may be the reset that follows a
    /// panic or the exit of a script that did not notice it. An unmet expectation turns a pass into a failure.
    init(
        _ outcome: Outcome, exitPortStyle style: ExitPortStyle = .plain, _ script: ConsoleScript,
        _ findings: ConsoleFindings
    ) {
        let end = Verdict(outcome, exitPortStyle: style)
        if case .signal = outcome {
            self = end
        } else if case .terminal = outcome {
            self = end
        } else if let failure = findings.failure {
            self = Self.failure(failure, script, findings)
        } else if case .console = outcome {
            self = Self.met(script, findings)
        } else if outcome.isStandstill, findings.areExpectationsMet, !script.expectations.isEmpty, script.endsWhenMet {
            self = Self.met(script, findings)
        } else if let unmet = Self.unmet(script, findings) {
            switch outcome {
            case .exitPort(0):
                self.init(
                    .console, "failed", ExitStatus.failed,
                    "failed: the guest wrote 0 to the exit port, and the console never said \(unmet)")
            case .powerOff:
                self.init(
                    .console, "failed", ExitStatus.failed,
                    "failed: the guest powered itself off, and the console never said \(unmet)")
            case .timeout, .hang:
                self.init(end.ending, end.outcome, end.status, "\(end.sentence), and the console had not said \(unmet)")
            default: self = end
            }
        } else {
            self = end
        }
    }

    private static func failure(
        _ failure: ConsoleFindings.Failure, _ script: ConsoleScript, _ findings: ConsoleFindings
    ) -> Verdict {
        if let panic = findings.panic {
            let before = panic == failure ? "" : "; it began with \(quoted(failure.sighting.line))"
            return Verdict(
                .panic, "panic", ExitStatus.panic,
                "the guest's kernel panicked: \(quoted(panic.sighting.line))\(before)")
        }
        let reason =
            switch failure.cause {
            case .script(let index):
                "the console said what --fail-on \(quoted(script.failures[index].text)) is on the watch for"
            case .kernel(let name, _): "the guest's kernel is in distress (\(name))"
            }
        return Verdict(.console, "failed", ExitStatus.failed, "failed: \(reason): \(quoted(failure.sighting.line))")
    }

    /// Returns the verdict with a message from the kernel's log that the console did not show: it doesn't change the
    /// outcome.
    func explained(by examined: PostMortem?, findings: ConsoleFindings) -> Verdict {
        guard outcome != "passed", findings.panic == nil, let examined, let panic = examined.log?.panic else {
            return self
        }
        let source =
            examined.hasConsoleOutput
            ? "read out of its memory" : "read out of its memory: nothing came over the console"
        return Verdict(
            ending, outcome, status, "\(sentence); its kernel had panicked: \(Self.quoted(panic)) (\(source))")
    }

    private static func met(_ script: ConsoleScript, _ findings: ConsoleFindings) -> Verdict {
        let count = script.expectations.count
        let last = findings.expectations.compactMap { $0 }.max { $0.seconds < $1.seconds }
        let what = count == 1 ? "what was expected" : "all \(count) things that were expected"
        return Verdict(
            .console, "passed", ExitStatus.passed,
            "passed: the console said \(what)\(last.map { ": \(quoted($0.line))" } ?? "")")
    }

    /// Returns the first unmet expectation, and the number of others.
    private static func unmet(_ script: ConsoleScript, _ findings: ConsoleFindings) -> String? {
        let unmet = zip(script.expectations, findings.expectations).filter { $0.1 == nil }.map { $0.0.text }
        guard let first = unmet.first else { return nil }
        return quoted(first)
            + (unmet.count > 1 ? " (nor \(unmet.count - 1) more of \(script.expectations.count) expectations)" : "")
    }

    /// Returns the text in quotation marks, shortened.
    private static func quoted(_ text: String) -> String {
        let limit = 200
        let words = text.drop { $0 == " " || $0 == "\t" }
        return words.count > limit ? "\"\(words.prefix(limit))...\"" : "\"\(words)\""
    }
}
