import LinuxSystem
import Scripting

/// The result of a finished test.
struct SuiteResult: Equatable {
    let name: String
    var verdict: SuiteVerdict
    /// The test's own summary, such as `30 tests`.
    var summary: String?
    /// Failures that the console reports.
    var complaints: [String] = []
    /// The number of further ones.
    var furtherComplaints = 0
    /// The arguments of `swiftlet` that repeat it.
    var arguments: [String] = []
    /// The duration in seconds.
    var seconds = 0.0
    /// The end of the guest's console, if the test did not pass.
    var console = ""
    /// The path of its console's log; nil if there is none.
    var log: String?
    /// The number of console bytes that could not be stored.
    var lostConsoleBytes: UInt64 = 0
    /// Further messages of its run, a sentence each.
    var notes: [String] = []
    /// The post-mortem, as lines.
    var postMortem: [String] = []
    /// The earlier runs, none of which passed.
    var retried: [TestRecord.Attempt] = []

    static let complaintLimit = 10
    private static let diagnosisLimit = 6
    private static let hintLimit = 3
    /// The largest number of failures kept.
    private static let keptComplaints = 200
    /// The largest size of a console in reports, in bytes.
    private static let consoleLimit = 16 << 10

    /// Derives the result of a run.
    /// - Parameters:
    ///   - termination: the end of its process.
    ///   - handed: the result that it passed on; without it nothing is trusted.
    ///   - console: the guest's output.
    ///   - lastWords: swiftlet's messages, for a run without a result.
    init(
        _ test: SuiteCase, arguments: [String], termination: ChildProcess.Termination,
        handed: Result<RunResult, RunResult.Malformed>,
        console: String, lastWords: String
    ) {
        name = test.name
        self.arguments = arguments
        var console = console
        if case .success(let result) = handed, result.missingConsoleBytes > 0 {
            // The end of a console matters most.
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
        // Here a line's end is one character, even CR LF: reports have plain ones.
        self.console = String(Self.end(of: console, Self.consoleLimit).map { $0 == "\r\n" ? "\n" : $0 })
        if let prefix = test.complaintPrefix {
            let all = lines.filter { $0.hasPrefix(prefix) }
            complaints = all.prefix(Self.keptComplaints).map { Self.end(of: String($0), Self.consoleLimit) }
            furtherComplaints = all.count - complaints.count
        }
    }

    /// Returns the last bytes of a text, in whole Unicode scalars. A character may have any length.
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

    /// Creates the result of a test that was not run, or whose run could not be followed to its end.
    init(_ test: SuiteCase, _ verdict: SuiteVerdict) {
        name = test.name
        self.verdict = verdict
    }

    /// The lines for people; those after the first begin with `#`.
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
            // The vCPUs' diagnosis; all of it is in the reports.
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

    /// The duration; nil if it was not run.
    private var time: String? {
        guard seconds > 0, seconds < 1e9 else { return nil }
        let hundredths = Int((seconds * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s"
    }

    /// The result in the form for reports.
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

    /// Quotes a word for a shell.
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
    /// The number of tests that could not be run.
    var errors: Int { count { if case .error = $0.verdict { true } else { false } } }
    var flaky: Int { count { $0.verdict == .passed && !$0.retried.isEmpty } }

    /// The tests that did not pass, once more and in the order of the suite: thousands of lines may be between them and
    /// the end.
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
