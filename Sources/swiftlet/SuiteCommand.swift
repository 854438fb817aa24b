import ArgumentParser
import Glibc
import LinuxSystem

/// `swiftlet suite`: runs many tests and tells what became of each.
struct SuiteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suite",
        abstract: "Run a suite of tests, each in a machine of its own, and tell what became of each.",
        discussion: """
            Examples:
              swiftlet suite --kvm-unit-tests ~/kvm-unit-tests
              swiftlet suite --kvm-unit-tests ~/kvm-unit-tests --group vmexit --only ioapic --jobs 2

            A line a test: PASS, FAIL or SKIP, its name, and what is to be said of it; lines behind a FAIL begin with #. The last line counts them.

            Exit status: 0 if nothing failed, 1 if a test failed, 64 bad usage, 66 the suite can't be read, 128+N ended by signal N.
            """)

    @Option(
        name: .customLong("kvm-unit-tests"),
        help: ArgumentHelp("The tests of a built directory of kvm-unit-tests, by its x86/unittests.cfg.", valueName: "dir"), completion: .directory)
    var unitTests: String

    @Option(help: ArgumentHelp("Run the tests of this group. May be given several times.", valueName: "name"))
    var group: [String] = []

    @Option(help: ArgumentHelp("Run this test. May be given several times.", valueName: "name"))
    var only: [String] = []

    @Option(help: "How many tests run at the same time.")
    var jobs = 1

    @Option(help: "End each test after this time, whatever its own limit: 60s, 2m.")
    var timeout: TimeLimit?

    @Option(help: ArgumentHelp("Leave each test's console in this directory, as NAME.log.", valueName: "dir"), completion: .directory)
    var logs: String?

    func validate() throws {
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs takes 1 to 256") }
    }

    func run() throws {
        for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
        signal(SIGPIPE, SIG_IGN)
        throw ExitCode(execute())
    }

    private func execute() -> Int32 {
        do {
            let selection = KVMUnitTests.Selection(groups: group, names: only, timeout: timeout?.seconds)
            let cases = try KVMUnitTests(unitTests).cases(selection)
            var suite = try SuiteRun(cases, jobs: jobs, logs: logs)
            let results = try suite.run { result in Self.print(result.lines) }
            Self.print([results.summaryLine])
            return results.failed == 0 ? ExitStatus.passed : ExitStatus.failed
        } catch {
            let line = Array("swiftlet suite: \(error)\n".utf8)
            _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
            return Self.status(of: error)
        }
    }

    private static func status(of error: any Error) -> Int32 {
        switch error {
        case KVMUnitTests.DirectoryError.unreadable(_, let cause) where cause.errno == .permissionDenied: ExitStatus.noPermission
        case KVMUnitTests.DirectoryError.unreadable: ExitStatus.noInput
        case KVMUnitTests.DirectoryError.badFile: ExitStatus.badInput
        case is KVMUnitTests.DirectoryError: ExitStatus.usage
        case SuiteRun.Failure.noLogs: ExitStatus.cannotCreate
        case SuiteRun.Failure.interrupted(let signal): 128 + signal
        default: ExitStatus.hostFailure
        }
    }

    /// At once, so that a pipe's reader sees a test's end when it comes.
    private static func print(_ lines: [String]) {
        let bytes = Array(lines.map { "\($0)\n" }.joined().utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
