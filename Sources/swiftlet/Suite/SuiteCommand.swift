import ArgumentParser
import Glibc
import LinuxSystem
import Scripting

/// `swiftlet suite`: runs many tests and reports the result of each.
struct SuiteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suite",
        abstract: "Run a suite of tests, each in a machine of its own, and report the results.",
        discussion: """
            Examples:
              swiftlet suite boots.toml --jobs 2 --report junit:boots.xml
              swiftlet suite boots.toml --only 'hello[cpus=2]' --shard 2/4
              swiftlet suite --kvm-unit-tests ~/kvm-unit-tests
              swiftlet suite --kvm-unit-tests ~/kvm-unit-tests --group vmexit --jobs 2

            Prints one line for each test: PASS, FAIL, ERROR (the host failed: nothing is known about the guest) or \
            SKIP, its name, and details; further lines after a FAIL or ERROR begin with #. The last line has the \
            counts.

            Exit status: 0 if nothing failed, 1 if a test failed, 125 if none failed but one could not be tried, 64 \
            bad usage,
            65 the suite has mistakes, 66 it can't be read, 73 a report can't be written, 128+N ended by signal N.
            """)

    @Argument(help: "The suite: a TOML file, as docs/suites.md describes it.", completion: .file(extensions: ["toml"]))
    var file: String?

    @Option(
        name: .customLong("kvm-unit-tests"),
        help: ArgumentHelp(
            "The tests of a built directory of kvm-unit-tests, by its x86/unittests.cfg.", valueName: "dir"),
        completion: .directory)
    var unitTests: String?

    @Option(
        help: ArgumentHelp(
            "Run the tests of this group of kvm-unit-tests. May be given several times.", valueName: "name"))
    var group: [String] = []

    @Option(
        help: ArgumentHelp(
            "Run this test, or all of a boot's matrix by the boot's name. May be given several times.",
            valueName: "name"),
        completion: WordCompletion.boot)
    var only: [String] = []

    @Option(help: "The number of tests that run at the same time.")
    var jobs = 1

    @Option(help: "End each test after this time, whatever its own limit: 60s, 2m.")
    var timeout: TimeLimit?

    @Option(
        help: ArgumentHelp(
            """
            How long a test waits for a device that another suite or process holds; after that it is an ERROR. \
            (default: 10m)
            """,
            valueName: "time"))
    var deviceWait: TimeLimit?

    @Option(
        help: ArgumentHelp("Write each test's console output to NAME.log in this directory.", valueName: "dir"),
        completion: .directory)
    var logs: String?

    @Option(
        help: ArgumentHelp(
            """
            The size limit of each test's log: 64M, 1G, or none. Bytes beyond it are counted, not written. \
            (default: 64M)
            """,
            valueName: "size"))
    var logLimit: SizeLimit?

    @Option(
        help: ArgumentHelp(
            "Run only this part of the suite, as 2/4; by default what the CI system's variables name, else all.",
            valueName: "i/n"))
    var shard: String?

    @Option(
        help: ArgumentHelp(
            "Run a failed test up to this many times more; one that then passes is reported as flaky.", valueName: "n"))
    var retries: Int?

    @Flag(help: "Start no further test after a failure.")
    var failFast = false

    @Flag(help: "Print the names of the tests, one per line, and run none.")
    var list = false

    @Option(
        help: ArgumentHelp(
            "Write a report: junit:PATH, tap:PATH, jsonl:PATH. May be given several times.", valueName: "format:path"),
        completion: WordCompletion.report(SuiteReportFormat.allCases.map(\.rawValue)))
    var report: [SuiteReportOption] = []

    /// The time in seconds that a test waits for a device.
    static let defaultPatience = 600.0

    func validate() throws {
        guard (file == nil) != (unitTests == nil) else {
            throw ValidationError("name a suite: a TOML file, or a directory with --kvm-unit-tests")
        }
        guard file == nil || group.isEmpty else {
            throw ValidationError("--group goes with --kvm-unit-tests; --only takes a boot's name")
        }
        if let clash = FileUse.clash(ofReports: report.map(\.path)) { throw ValidationError(clash) }
        if list, let other = report.isEmpty ? logs.map({ _ in "--logs" }) : "--report" {
            throw ValidationError("--list runs nothing, so that \(other) would stay empty: leave one of them out")
        }
        guard (0...10).contains(retries ?? 0) else { throw ValidationError("--retries takes 0 to 10") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes 1 to 256") }
    }

    func run() throws {
        // A closed stream would be reused for the next file. Opened read-only, so that no line is lost silently.
        for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
        signal(SIGPIPE, SIG_IGN)
        EndingSignals.speak(as: "swiftlet suite")
        throw ExitCode(execute())
    }

    private func execute() -> Int32 {
        let display = SuiteDisplay(besides: report.map(\.path))
        do {
            let (name, all) = try suite()
            try checkFiles(all)
            var cases = all
            var told: [SuiteResult] = []
            if let shard = try chosenShard() {
                cases = all.indices.filter { shard.contains($0) }.map { all[$0] }
                if !list {
                    display.print(["# shard \(shard.number) of \(shard.count): \(cases.count) of \(all.count) tests"])
                }
            }
            if list {
                display.print(cases.map(\.name))
                return display.failure.map { unwritten("standard output can't be written: \($0.errno)") }
                    ?? ExitStatus.passed
            }
            if let retries { for index in cases.indices { cases[index].retries = retries } }
            display.begin(planned: cases.count)
            let patience = deviceWait?.seconds ?? Self.defaultPatience
            var suite = try SuiteRun(
                cases, jobs: jobs, logs: logs, logLimit: logLimit ?? .suiteLog, patience: patience, failFast: failFast,
                display: display
            ) {
                display.print([$0])
            }
            let reports = try report.map { try SuiteReportFile($0, name: name, planned: cases.count) }
            var reportError: ReportError?
            func write(_ body: (SuiteReportFile) throws(ReportError) -> Void) {
                for file in reports {
                    // The tests continue: their results are still printed here.
                    do throws(ReportError) { try body(file) } catch { reportError = reportError ?? error }
                }
            }
            let results: [SuiteResult]
            do throws(SuiteRun.Failure) {
                results = try suite.run { result in
                    told.append(result)
                    display.add(result)
                    write { (file) throws(ReportError) in try file.add(result) }
                }
            } catch {
                write { (file) throws(ReportError) in try file.end(because: "\(error)") }
                display.clear()
                display.print(told.complaintLines + Self.remainder(error) + [told.summaryLine])
                if let sentence = StepSummaryFile.append(name, told, because: "\(error)") { unwritten(sentence) }
                if let reportError { unwritten("\(reportError)") }
                throw error
            }
            write { (file) throws(ReportError) in try file.end() }
            display.clear()
            display.print(results.complaintLines + [results.summaryLine])
            return status(
                of: results, reportError, display.failure, StepSummaryFile.append(name, results, because: nil))
        } catch {
            display.clear()
            // The blocking call that was interrupted matters more than the error that resulted.
            let isCut = EndingSignals.status != nil && EndingSignals.isInterrupted
            for text in (isCut ? EndingSignals.sentence : "\(error)").split(separator: "\n") {
                StandardError.say(String(text), as: "swiftlet suite")
            }
            return EndingSignals.status ?? Self.status(of: error)
        }
    }

    /// Returns the status of a suite that came to its end, after reporting output that could not be written.
    private func status(
        of results: [SuiteResult], _ report: ReportError?, _ output: SystemCallError?, _ summary: String?
    ) -> Int32 {
        var sentences = [
            report.map { "\($0)" },
            output.map { "standard output can't be written: \($0.errno); some lines are missing" }, summary,
        ]
        if logs != nil, case let cut = results.filter({ $0.lostConsoleBytes > 0 }), let first = cut.first {
            let count = "\(cut.count) \(cut.count == 1 ? "test" : "tests")"
            sentences.append("the logs of \(count) lack bytes, as \(first.name)'s: where they go is full, or failed")
        }
        let unsaid = sentences.compactMap(\.self)
        for sentence in unsaid { unwritten(sentence) }
        if results.failed > 0 { return ExitStatus.failed }
        if results.errors > 0 { return ExitStatus.hostFailure }
        return unsaid.isEmpty ? ExitStatus.passed : ExitStatus.cannotCreate
    }

    /// Reports output that could not be written, and returns its status.
    @discardableResult
    private func unwritten(_ sentence: String) -> Int32 {
        StandardError.say(sentence, as: "swiftlet suite")
        return ExitStatus.cannotCreate
    }

    /// Returns lines about the tests that an ended suite did not run.
    private static func remainder(_ error: SuiteRun.Failure) -> [String] {
        guard case .interrupted(_, let running, let waiting) = error else { return [] }
        let ended = running.isEmpty ? [] : ["# ended with the suite: \(running.prefix(20).joined(separator: ", "))"]
        return ended + (waiting == 0 ? [] : ["# not run: \(waiting) \(waiting == 1 ? "test" : "tests")"])
    }

    private func suite() throws -> (name: String, cases: [SuiteCase]) {
        if let file {
            let suite = try BootSuite(file)
            return (suite.name, try suite.cases(names: only, timeout: timeout?.seconds))
        }
        let selection = KVMUnitTests.Selection(groups: group, names: only, timeout: timeout?.seconds)
        return ("kvm-unit-tests", try KVMUnitTests(unitTests ?? "").cases(selection))
    }

    /// Checks before the first test that no two of them write to one file, and that the suite's own files are not among
    /// theirs.
    private func checkFiles(_ cases: [SuiteCase]) throws(FileClash) {
        var uses = cases.flatMap(\.fileUses)
        uses += report.map { FileUse(who: "--report", path: $0.path, writes: true) }
        if let file { uses.append(FileUse(who: "the suite", path: file, writes: false)) }
        if let logs { uses += cases.map { FileUse(who: "--logs", path: SuiteRun.log(of: $0, in: logs), writes: true) } }
        try FileUse.check(uses)
    }

    private func chosenShard() throws(Shard.Malformed) -> Shard? {
        if let shard { return try Shard(shard) }
        return try Shard.fromEnvironment { name in getenv(name).map { String(cString: $0) } }
    }

    private static func status(of error: any Error) -> Int32 {
        switch error {
        case KVMUnitTests.DirectoryError.unreadable(_, let cause): ExitStatus.ofUnreadFile(cause)
        case KVMUnitTests.DirectoryError.badFile: ExitStatus.badInput
        case is KVMUnitTests.DirectoryError: ExitStatus.usage
        case BootSuite.FileError.unreadable(_, let cause): ExitStatus.ofUnreadFile(cause)
        case BootSuite.FileError.malformed: ExitStatus.badInput
        case is BootSuite.FileError, is Shard.Malformed: ExitStatus.usage
        case let error as FileClash: error.status
        case let error as ReportError: ExitStatus.of(error)
        case SuiteRun.Failure.noLogs(_, let cause), SuiteRun.Failure.noOutput(_, _, let cause):
            ExitStatus.isShortage(cause.errno) ? ExitStatus.hostFailure : ExitStatus.cannotCreate
        case SuiteRun.Failure.interrupted(let signal, _, _): 128 + signal
        default: ExitStatus.hostFailure
        }
    }
}
