import Scripting

/// One test of a suite: a run of swiftlet, or the reason why there is none.
struct SuiteCase: Equatable {
    enum Plan: Equatable {
        /// The words after `swiftlet`, and the seconds it may take; nil for no limit.
        case run([String], timeout: Double?)
        case skip(String)
    }

    let name: String
    let plan: Plan
    /// Functions it passes to its guest, as `0000:00:04.0`: no other test has them meanwhile.
    var devices: [String] = []
    /// How often it is run again after it failed.
    var retries = 0
    /// Exit statuses that pass.
    var passingStatuses: [Int32] = [0]
    /// What exit statuses of the run mean that are neither 0 nor a plain failure.
    var meanings: [Int32: SuiteVerdict] = [:]
    /// Whether a guest that powers itself off has passed.
    var passesByPowerOff = true
    /// A line of the console that begins so sums the test up.
    var summaryPrefix: String?
    /// Lines of the console that begin so say what failed.
    var complaintPrefix: String?
}

/// What became of a test.
enum SuiteVerdict: Equatable {
    case passed
    case failed(String)
    case skipped(String)
}

/// A test that is over.
struct SuiteResult: Equatable {
    let name: String
    let verdict: SuiteVerdict
    /// What the test says of itself, as `30 tests`.
    var summary: String?
    /// What the console says failed.
    var complaints: [String] = []
    /// The words after `swiftlet` that bring it about again.
    var arguments: [String] = []
    /// How long it ran, in seconds.
    var seconds = 0.0
    /// The end of what the guest said, where the test failed.
    var console = ""
    /// The runs before, each of which failed.
    var retried: [TestRecord.Attempt] = []

    static let complaintLimit = 10
    /// So much of a console, in characters, goes into reports.
    private static let consoleLimit = 16 << 10

    /// The result of a run.
    /// - Parameters:
    ///   - status: its exit status; -N where signal N ended it.
    ///   - console: what the guest said.
    ///   - lastWords: what swiftlet said, its last line first of all.
    init(_ test: SuiteCase, arguments: [String], status: Int32, console: String, lastWords: String) {
        name = test.name
        self.arguments = arguments
        let lines = console.split(whereSeparator: \.isNewline)
        if let prefix = test.summaryPrefix {
            summary = lines.suffix(5).last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        }
        let sentence = lastWords.split(whereSeparator: \.isNewline).last.map(String.init) ?? "swiftlet said nothing"
        let said = sentence.hasPrefix("swiftlet: ") ? String(sentence.dropFirst(10)) : sentence
        switch status {
        case ..<0: verdict = .failed("swiftlet was ended by signal \(-status)")
        case _ where test.passingStatuses != [0]:
            verdict = test.passingStatuses.contains(status) ? .passed : .failed("\(said); its status \(status) is not \(Self.told(test.passingStatuses))")
        case 0: verdict = !test.passesByPowerOff && said == Verdict(.powerOff).sentence ? .failed("the guest powered itself off") : .passed
        default: verdict = test.meanings[status] ?? .failed(said)
        }
        guard case .failed = verdict else { return }
        // A line's end is one character here, CR LF too: reports have plain ones.
        self.console = String(console.suffix(Self.consoleLimit).map { $0 == "\r\n" ? "\n" : $0 })
        if let prefix = test.complaintPrefix {
            complaints = lines.filter { $0.hasPrefix(prefix) }.map(String.init)
        }
    }

    /// The result of a test that was not run, or whose run could not be followed to its end.
    init(_ test: SuiteCase, _ verdict: SuiteVerdict) {
        name = test.name
        self.verdict = verdict
    }

    /// What people read, a line each; those after the first begin with `#`.
    var lines: [String] {
        told + retried.enumerated().map { "#   attempt \($0 + 1): \($1.reason)" }
    }

    private var told: [String] {
        switch verdict {
        case .passed:
            let flaky = retried.isEmpty ? nil : "flaky: passed at attempt \(retried.count + 1)"
            let notes = [summary, flaky].compactMap(\.self)
            return ["PASS \(name)\(notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")"]
        case .skipped(let reason): return ["SKIP \(name) (\(reason))"]
        case .failed(let reason):
            var lines = ["FAIL \(name) (\([reason, summary].compactMap(\.self).joined(separator: "; ")))"]
            lines += complaints.prefix(Self.complaintLimit).map { "#   \($0)" }
            if complaints.count > Self.complaintLimit { lines.append("#   and \(complaints.count - Self.complaintLimit) more") }
            if !arguments.isEmpty { lines.append("#   again: swiftlet \(arguments.map(Self.quoted).joined(separator: " "))") }
            return lines
        }
    }

    /// The same as reports take it.
    var record: TestRecord {
        let outcome: TestRecord.Outcome =
            switch verdict {
            case .passed: .passed
            case .failed(let reason): .failed(summary.map { "\(reason); \($0)" } ?? reason)
            case .skipped(let reason): .skipped(reason)
            }
        return TestRecord(
            name: name, outcome: outcome, seconds: seconds, retried: retried,
            details: complaints + (arguments.isEmpty || verdict == .passed ? [] : ["again: swiftlet \(arguments.map(Self.quoted).joined(separator: " "))"]),
            console: console)
    }

    private static func told(_ statuses: [Int32]) -> String { statuses.map { "\($0)" }.joined(separator: " or ") }

    /// A word as a shell takes it.
    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_=+,./:@%".utf8.contains(byte)
        }
        return plain && !word.isEmpty ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

extension [SuiteResult] {
    var failed: Int { count { if case .failed = $0.verdict { true } else { false } } }
    var passed: Int { count { $0.verdict == .passed } }
    var flaky: Int { count { $0.verdict == .passed && !$0.retried.isEmpty } }

    var summaryLine: String {
        "SUMMARY: \(count) \(count == 1 ? "test" : "tests"), \(passed) passed, \(failed) failed, \(count - passed - failed) skipped"
            + (flaky > 0 ? ", \(flaky) flaky" : "")
    }
}
