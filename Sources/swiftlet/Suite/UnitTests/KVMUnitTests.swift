import Glibc
import LinuxSystem
import Scripting

/// A built directory of kvm-unit-tests: the tests in its configuration, as cases of a suite.
struct KVMUnitTests {
    /// The reason why the directory is unsuitable, or lacks a requested test.
    enum DirectoryError: Error, CustomStringConvertible {
        case unreadable(String, SystemCallError)
        case badFile(String, UnitTestsFile.ParseError)
        case noSuchTest(String, directory: String, tests: [String])
        case noSuchGroup(String, directory: String, groups: [String])

        var description: String {
            switch self {
            case .unreadable(let path, let cause):
                """
                \(path) can't be read: \(cause.errno); --kvm-unit-tests takes a directory in which ./configure and \
                make have run
                """
            case .badFile(let path, let cause): "\(path): \(cause)"
            case .noSuchTest(let name, let directory, let tests):
                "\(directory)/\(KVMUnitTests.list) has no test '\(name)'\(NearNames.sentence(name, among: tests))"
            case .noSuchGroup(let name, let directory, let groups):
                "\(directory)/\(KVMUnitTests.list) has no group '\(name)'\(NearNames.sentence(name, among: groups))"
            }
        }
    }

    /// The selected tests; if both are empty, all that run by default.
    struct Selection {
        var groups: [String] = []
        var names: [String] = []
        /// Replaces each test's own time limit, in seconds.
        var timeout: Double?
    }

    static let list = "x86/unittests.cfg"
    /// The time limit in seconds of a test that gives none, as in run_tests.sh.
    static let defaultTimeout = 90.0

    let directory: String
    private let tests: [UnitTestsFile.Test]
    /// The architecture of the images.
    private let architecture: String

    init(_ directory: String) throws(DirectoryError) {
        self.directory = directory
        let path = "\(directory)/\(Self.list)"
        let text: String
        do throws(SystemCallError) { text = try TextFile.read(path) } catch { throw .unreadable(path, error) }
        do throws(UnitTestsFile.ParseError) { tests = try UnitTestsFile(text).tests } catch {
            throw .badFile(path, error)
        }
        let built = (try? TextFile.read("\(directory)/config.mak")) ?? ""
        let line = built.split(separator: "\n").first { $0.hasPrefix("ARCH=") }
        architecture = line.map { String($0.dropFirst(5)) } ?? "x86_64"
    }

    /// Returns the selected tests, in the file's order.
    func cases(_ selection: Selection) throws(DirectoryError) -> [SuiteCase] {
        for name in selection.names where !tests.contains(where: { $0.name == name }) {
            throw .noSuchTest(name, directory: directory, tests: tests.map(\.name))
        }
        for group in selection.groups where !tests.contains(where: { $0.groups.contains(group) }) {
            throw .noSuchGroup(group, directory: directory, groups: Set(tests.flatMap(\.groups)).sorted())
        }
        let all = selection.names.isEmpty && selection.groups.isEmpty
        let chosen = zip(tests, BootFileName.names(for: tests.map(\.name))).filter { test, _ in
            all || selection.names.contains(test.name) || test.groups.contains { selection.groups.contains($0) }
        }
        let environment = getenv("KVM_UNIT_TESTS_ENV").map { String(cString: $0) }
        return chosen.map { test, fileName in
            let plan: SuiteCase.Plan
            do throws(UnitTestPlan.Unsupported) {
                if all, test.groups.contains("nodefault") {
                    throw UnitTestPlan.Unsupported(reason: "runs only when it is named, or a group of it")
                }
                plan = try self.plan(test, selection, environment: environment)
            } catch {
                plan = .skip(error.reason)
            }
            return SuiteCase(
                name: test.name, plan: plan, fileName: fileName, meanings: Self.meanings, passesByPowerOff: false,
                summaryPrefix: "SUMMARY: ",
                complaintPrefix: "FAIL: ")
        }
    }

    /// The meanings of values other than 0 and 1 at the exit port: lib/report.c and lib/abort.c of kvm-unit-tests.
    private static let meanings: [Int32: SuiteVerdict] = [
        1: .failed("it said so"), 38: .skipped("the test itself skipped everything"), 63: .failed("the test aborted"),
    ]

    private func plan(_ test: UnitTestsFile.Test, _ selection: Selection, environment: String?) throws(UnitTestPlan
        .Unsupported) -> SuiteCase.Plan
    {
        typealias Unsupported = UnitTestPlan.Unsupported
        if !test.arch.isEmpty, test.arch != architecture { throw Unsupported(reason: "\(test.arch) only") }
        if !test.accel.isEmpty, test.accel != "kvm" { throw Unsupported(reason: "\(test.accel) only") }
        if !test.disabledIf.isEmpty {
            throw Unsupported(reason: "has a condition that only a shell can answer: \(test.disabledIf)")
        }
        for check in test.checks {
            let parts = check.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let text = try? TextFile.read(parts[0]),
                text.split(separator: "\n").joined(separator: "\n") == parts[1]
            else {
                throw Unsupported(reason: "\(parts[0]) is not \(parts.count == 2 ? parts[1] : "what it needs")")
            }
        }
        let image = "\(directory)/x86/\(test.file)"
        guard !test.file.isEmpty, access(image, R_OK) == 0 else { throw Unsupported(reason: "there is no \(image)") }
        let words = try UnitTestPlan(test, time: time(nil)).arguments(image: image, environment: environment)
        let ownLimit = try limit(of: test)
        guard let limit = selection.timeout ?? ownLimit else { return .run(words, timeout: nil) }
        let text = limit == limit.rounded() ? "\(Int(limit))" : "\(limit)"
        return .run(words + ["--timeout", "\(text)s"], timeout: limit)
    }

    /// Returns a test's own time limit in seconds, nil for none.
    private func limit(of test: UnitTestsFile.Test) throws(UnitTestPlan.Unsupported) -> Double? {
        switch test.timeout {
        case "": return Self.defaultTimeout
        case "0": return nil
        default:
            guard let limit = TimeLimit(argument: test.timeout) else {
                throw UnitTestPlan.Unsupported(reason: "its timeout is no time: \(test.timeout)")
            }
            return limit.seconds
        }
    }
}
