import ArgumentParser
import Glibc
import LinuxSystem
import Scripting

/// `swiftlet suite`: runs many tests and tells what became of each.
struct SuiteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suite",
        abstract: "Run a suite of tests, each in a machine of its own, and tell what became of each.",
        discussion: """
            Examples:
              swiftlet suite boots.toml --jobs 2 --report junit:boots.xml
              swiftlet suite boots.toml --only 'hello[cpus=2]' --shard 2/4
              swiftlet suite --kvm-unit-tests ~/kvm-unit-tests
              swiftlet suite --kvm-unit-tests ~/kvm-unit-tests --group vmexit --jobs 2

            A line a test: PASS, FAIL, ERROR (the host failed, so that nothing is known of the guest) or SKIP, its name, and what is to be \
            said of it; lines behind a FAIL or ERROR begin with #. The last line counts them.

            Exit status: 0 if nothing failed, 1 if a test failed, 125 if none failed but one could not be tried, 64 bad usage,
            65 the suite has mistakes, 66 it can't be read, 73 a report can't be written, 128+N ended by signal N.
            """)

    @Argument(help: "The suite: a TOML file, as docs/suites.md describes it.", completion: .file(extensions: ["toml"]))
    var file: String?

    @Option(
        name: .customLong("kvm-unit-tests"),
        help: ArgumentHelp("The tests of a built directory of kvm-unit-tests, by its x86/unittests.cfg.", valueName: "dir"), completion: .directory)
    var unitTests: String?

    @Option(help: ArgumentHelp("Run the tests of this group of kvm-unit-tests. May be given several times.", valueName: "name"))
    var group: [String] = []

    @Option(
        help: ArgumentHelp("Run this test, or all of a boot's matrix by the boot's name. May be given several times.", valueName: "name"),
        completion: WordCompletion.boot)
    var only: [String] = []

    @Option(help: "How many tests run at the same time.")
    var jobs = 1

    @Option(help: "End each test after this time, whatever its own limit: 60s, 2m.")
    var timeout: TimeLimit?

    @Option(help: ArgumentHelp("Leave each test's console in this directory, as NAME.log.", valueName: "dir"), completion: .directory)
    var logs: String?

    @Option(help: ArgumentHelp("Run only this part of the suite, as 2/4; by default what the CI system's variables name, else all.", valueName: "i/n"))
    var shard: String?

    @Option(help: ArgumentHelp("Run a test that fails so many times again; a test that then passes is told as flaky.", valueName: "n"))
    var retries: Int?

    @Flag(help: "Start no other test when one has failed.")
    var failFast = false

    @Option(
        help: ArgumentHelp("Write a report: junit:PATH, tap:PATH, jsonl:PATH. May be given several times.", valueName: "format:path"),
        completion: WordCompletion.report(SuiteReportFormat.allCases.map(\.rawValue)))
    var report: [SuiteReportOption] = []

    func validate() throws {
        guard (file == nil) != (unitTests == nil) else { throw ValidationError("name a suite: a TOML file, or a directory with --kvm-unit-tests") }
        guard file == nil || group.isEmpty else { throw ValidationError("--group goes with --kvm-unit-tests; --only takes a boot's name") }
        guard (0...10).contains(retries ?? 0) else { throw ValidationError("--retries takes 0 to 10") }
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes 1 to 256") }
    }

    func run() throws {
        for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
        signal(SIGPIPE, SIG_IGN)
        throw ExitCode(execute())
    }

    private func execute() -> Int32 {
        let display = SuiteDisplay(besides: report.map(\.path))
        do {
            let (name, all) = try suite()
            var cases = all
            if let shard = try chosenShard() {
                cases = all.indices.filter { shard.contains($0) }.map { all[$0] }
                display.print(["# shard \(shard.number) of \(shard.count): \(cases.count) of \(all.count) tests"])
            }
            if let retries { for index in cases.indices { cases[index].retries = retries } }
            display.begin(planned: cases.count)
            var suite = try SuiteRun(cases, jobs: jobs, logs: logs, failFast: failFast, display: display) { display.print([$0]) }
            let reports = try report.map { try SuiteReportFile($0, name: name, planned: cases.count) }
            var unwritten: ReportError?
            func write(_ body: (SuiteReportFile) throws(ReportError) -> Void) {
                for file in reports {
                    // The tests go on: what became of them is told here all the same.
                    do throws(ReportError) { try body(file) } catch { unwritten = unwritten ?? error }
                }
            }
            let results: [SuiteResult]
            do {
                results = try suite.run { result in
                    display.tell(result)
                    write { (file) throws(ReportError) in try file.add(result) }
                }
            } catch {
                write { (file) throws(ReportError) in try file.end(because: "\(error)") }
                throw error
            }
            write { (file) throws(ReportError) in try file.end() }
            display.clear()
            display.print([results.summaryLine])
            if let unwritten { throw unwritten }
            if results.failed > 0 { return ExitStatus.failed }
            return results.errors == 0 ? ExitStatus.passed : ExitStatus.hostFailure
        } catch {
            display.clear()
            for text in "\(error)".split(separator: "\n") { StandardError.say(String(text), as: "swiftlet suite") }
            return Self.status(of: error)
        }
    }

    private func suite() throws -> (name: String, cases: [SuiteCase]) {
        if let file {
            let suite = try BootSuite(file)
            return (suite.name, try suite.cases(names: only, timeout: timeout?.seconds))
        }
        let selection = KVMUnitTests.Selection(groups: group, names: only, timeout: timeout?.seconds)
        return ("kvm-unit-tests", try KVMUnitTests(unitTests ?? "").cases(selection))
    }

    private func chosenShard() throws(Shard.Malformed) -> Shard? {
        if let shard { return try Shard(shard) }
        return try Shard.fromEnvironment { name in getenv(name).map { String(cString: $0) } }
    }

    private static func status(of error: any Error) -> Int32 {
        switch error {
        case KVMUnitTests.DirectoryError.unreadable(_, let cause) where cause.errno == .permissionDenied: ExitStatus.noPermission
        case KVMUnitTests.DirectoryError.unreadable: ExitStatus.noInput
        case KVMUnitTests.DirectoryError.badFile: ExitStatus.badInput
        case is KVMUnitTests.DirectoryError: ExitStatus.usage
        case BootSuite.FileError.unreadable(_, let cause): cause.errno == .permissionDenied ? ExitStatus.noPermission : ExitStatus.noInput
        case BootSuite.FileError.malformed: ExitStatus.badInput
        case is BootSuite.FileError, is Shard.Malformed: ExitStatus.usage
        case is ReportError: ExitStatus.cannotCreate
        case SuiteRun.Failure.noLogs: ExitStatus.cannotCreate
        case SuiteRun.Failure.interrupted(let signal): 128 + signal
        default: ExitStatus.hostFailure
        }
    }
}
