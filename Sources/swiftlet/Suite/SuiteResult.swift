import LinuxSystem
import Scripting

/// A test that is over.
struct SuiteResult: Equatable {
    let name: String
    var verdict: SuiteVerdict
    /// What the test says of itself, as `30 tests`.
    var summary: String?
    /// What the console says failed.
    var complaints: [String] = []
    /// How many more it says.
    var furtherComplaints = 0
    /// The words after `swiftlet` that bring it about again.
    var arguments: [String] = []
    /// How long it ran, in seconds.
    var seconds = 0.0
    /// The end of what the guest said, where the test did not pass.
    var console = ""
    /// Where its console is kept; nil where it is not.
    var log: String?
    /// How many bytes of what the guest said could not be kept.
    var lostConsoleBytes: UInt64 = 0
    /// What else its run had to say, a sentence each.
    var notes: [String] = []
    /// Why the guest was where it was, a line each.
    var postMortem: [String] = []
    /// The runs before, none of which passed.
    var retried: [TestRecord.Attempt] = []

    static let complaintLimit = 10
    private static let diagnosisLimit = 6
    private static let hintLimit = 3
    /// So many of what the console says failed are kept.
    private static let keptComplaints = 200
    /// So much of a console, in bytes, goes into reports.
    private static let consoleLimit = 16 << 10

    /// The result of a run.
    /// - Parameters:
    ///   - termination: how its process ended.
    ///   - handed: the result that it handed over, without which nothing is believed.
    ///   - console: what the guest said.
    ///   - lastWords: what swiftlet said, for a run without a result.
    init(
        _ test: SuiteCase, arguments: [String], termination: ChildProcess.Termination,
        handed: Result<RunResult, RunResult.Malformed>,
        console: String, lastWords: String
    ) {
        name = test.name
        self.arguments = arguments
        var console = console
        if case .success(let result) = handed, result.missingConsoleBytes > 0 {
            // What counts most in a console is its end.
            console +=
                """
                swiftlet: \(result.missingConsoleBytes) bytes are missing here, of which these are the \
                last\n\(result.consoleTail)
                """
        }
        let lines = console.split(whereSeparator: \.isNewline)
        if let prefix = test.summaryPrefix {
            summary = lines.suffix(5).last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        }
        verdict = Self.verdict(test, termination, handed, lastWords)
        if case .success(let result) = handed { (lostConsoleBytes, notes) = (result.lostConsoleBytes, result.notes) }
        guard verdict.complaint != nil else { return }
        if case .success(let result) = handed { postMortem = result.postMortem }
        // A line's end is one character here, CR LF too: reports have plain ones.
        self.console = String(Self.end(of: console, Self.consoleLimit).map { $0 == "\r\n" ? "\n" : $0 })
        if let prefix = test.complaintPrefix {
            let all = lines.filter { $0.hasPrefix(prefix) }
            complaints = all.prefix(Self.keptComplaints).map { Self.end(of: String($0), Self.consoleLimit) }
            furtherComplaints = all.count - complaints.count
        }
    }

    /// The last bytes of a text, in whole characters of Unicode. Its own may have any length.
    private static func end(of text: String, _ limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        return String(decoding: text.utf8.suffix(limit).drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
    }

    private static func verdict(
        _ test: SuiteCase, _ termination: ChildProcess.Termination, _ handed: Result<RunResult, RunResult.Malformed>,
        _ lastWords: String
    ) -> SuiteVerdict {
        let status: Int32
        switch termination {
        case .signaled(let signal): return .error("swiftlet was ended by \(SignalName.words(signal)), not by its guest")
        case .exited(let value): status = value
        }
        let result: RunResult
        do { result = try handed.get() } catch {
            let said = lastWords.split(whereSeparator: \.isNewline).last.map { ": \($0)" } ?? ""
            return .error("swiftlet ended with status \(status) and handed over no result (\(error))\(said)")
        }
        guard result.status == status else {
            return .error(
                "swiftlet ended with status \(status), and its result says \(result.status): \(result.sentence)")
        }
        guard result.ending.isOfGuest else { return .error(result.sentence) }
        if let statuses = test.passingStatuses {
            return statuses.contains(status)
                ? .passed : .failed("\(result.sentence); its status \(status) is not \(told(statuses))")
        }
        if result.ending == .powerOff, !test.passesByPowerOff { return .failed("the guest powered itself off") }
        if result.outcome == "passed" { return .passed }
        return result.ending == .exitPort ? test.meanings[status] ?? .failed(result.sentence) : .failed(result.sentence)
    }

    /// The result of a test that was not run, or whose run could not be followed to its end.
    init(_ test: SuiteCase, _ verdict: SuiteVerdict) {
        name = test.name
        self.verdict = verdict
    }

    /// What people read, a line each; those after the first begin with `#`.
    var lines: [String] {
        told + notes.map { "#   \($0)" }
            + retried.enumerated().map { "#   attempt \($0 + 1): \($1.isError ? "host error: " : "")\($1.reason)" }
    }

    private var told: [String] {
        switch verdict {
        case .passed:
            let flaky = retried.isEmpty ? nil : "flaky: passed at attempt \(retried.count + 1)"
            let notes = [summary, flaky, time].compactMap(\.self)
            return ["PASS \(name)\(notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")"]
        case .skipped(let reason): return ["SKIP \(name) (\(reason))"]
        case .failed(let reason), .error(let reason):
            let word = if case .error = verdict { "ERROR" } else { "FAIL" }
            var lines = ["\(word) \(name) (\([reason, summary, time].compactMap(\.self).joined(separator: "; ")))"]
            // What the vCPUs were at; all of it is in the reports.
            lines += postMortem.prefix(Self.diagnosisLimit).filter { $0.hasPrefix("vCPU ") }.map { "#   \($0)" }
            lines += postMortem.filter { $0.hasPrefix("hint: ") }.prefix(Self.hintLimit).map { "#   \($0)" }
            lines += complaints.prefix(Self.complaintLimit).map { "#   \($0)" }
            let rest = complaints.count + furtherComplaints - Self.complaintLimit
            if rest > 0 { lines.append("#   and \(rest) more") }
            if let log { lines.append("#   log: \(log)") }
            if lostConsoleBytes > 0 {
                lines.append(
                    "#   \(lostConsoleBytes) bytes of its console were lost: where it is kept is full, or failed")
            }
            if !arguments.isEmpty {
                lines.append("#   again: swiftlet \(arguments.map(Self.quoted).joined(separator: " "))")
            }
            return lines
        }
    }

    /// How long it ran; nil where it did not.
    private var time: String? {
        guard seconds > 0, seconds < 1e9 else { return nil }
        let hundredths = Int((seconds * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s"
    }

    /// The same as reports take it.
    var record: TestRecord {
        let outcome: TestRecord.Outcome =
            switch verdict {
            case .passed: .passed
            case .failed(let reason): .failed(summary.map { "\(reason); \($0)" } ?? reason)
            case .skipped(let reason): .skipped(reason)
            case .error(let reason): .error(reason)
            }
        return TestRecord(
            name: name, outcome: outcome, seconds: seconds, retried: retried,
            details: complaints + (furtherComplaints > 0 ? ["and \(furtherComplaints) more"] : []) + notes
                + (arguments.isEmpty || verdict == .passed
                    ? [] : ["again: swiftlet \(arguments.map(Self.quoted).joined(separator: " "))"]),
            console: console, postMortem: postMortem, log: log)
    }

    private static func told(_ statuses: [Int32]) -> String { statuses.map { "\($0)" }.joined(separator: " or ") }

    /// A word as a shell takes it.
    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_=+,./:@%".utf8.contains(byte)
        }
        return plain && !word.isEmpty
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

extension [SuiteResult] {
    var failed: Int { count { if case .failed = $0.verdict { true } else { false } } }
    var passed: Int { count { $0.verdict == .passed } }
    var skipped: Int { count { if case .skipped = $0.verdict { true } else { false } } }
    /// Those that could not be tried.
    var errors: Int { count { if case .error = $0.verdict { true } else { false } } }
    var flaky: Int { count { $0.verdict == .passed && !$0.retried.isEmpty } }

    /// Those that did not pass, once more and in the order of the suite: between them and the end may be thousands of
    /// lines.
    var complaintLines: [String] {
        let bad = filter { $0.verdict.complaint != nil }
        guard !bad.isEmpty, count > 1 else { return [] }
        let limit = 50
        let lines = bad.prefix(limit).map { result in
            let word = if case .error = result.verdict { "ERROR" } else { "FAIL" }
            return "#   \(word) \(result.name)"
        }
        return ["# did not pass:"] + lines + (bad.count > limit ? ["#   and \(bad.count - limit) more"] : [])
    }

    var summaryLine: String {
        "SUMMARY: \(count) \(count == 1 ? "test" : "tests"), \(passed) passed, \(failed) failed, \(skipped) skipped"
            + (errors > 0 ? ", \(errors) host \(errors == 1 ? "error" : "errors")" : "")
            + (flaky > 0 ? ", \(flaky) flaky" : "")
    }
}
