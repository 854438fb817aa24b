/// One test of a suite: a run of swiftlet, or the reason why there is none.
struct SuiteCase: Equatable {
    enum Plan: Equatable {
        /// The words after `swiftlet`, and the seconds it may take; nil for no limit.
        case run([String], timeout: Double?)
        case skip(String)
    }

    let name: String
    let plan: Plan
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

    static let complaintLimit = 10

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
        case 0: verdict = !test.passesByPowerOff && said == Verdict(.powerOff).sentence ? .failed("the guest powered itself off") : .passed
        case ..<0: verdict = .failed("swiftlet was ended by signal \(-status)")
        default: verdict = test.meanings[status] ?? .failed(said)
        }
        if case .failed = verdict, let prefix = test.complaintPrefix {
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
        let note = summary.map { " (\($0))" } ?? ""
        switch verdict {
        case .passed: return ["PASS \(name)\(note)"]
        case .skipped(let reason): return ["SKIP \(name) (\(reason))"]
        case .failed(let reason):
            var lines = ["FAIL \(name) (\([reason, summary].compactMap(\.self).joined(separator: "; ")))"]
            lines += complaints.prefix(Self.complaintLimit).map { "#   \($0)" }
            if complaints.count > Self.complaintLimit { lines.append("#   and \(complaints.count - Self.complaintLimit) more") }
            if !arguments.isEmpty { lines.append("#   again: swiftlet \(arguments.map(Self.quoted).joined(separator: " "))") }
            return lines
        }
    }

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

    var summaryLine: String {
        "SUMMARY: \(count) \(count == 1 ? "test" : "tests"), \(passed) passed, \(failed) failed, \(count - passed - failed) skipped"
    }
}
