import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Runs judged on their console, with guests that misbehave for real: docs/verdicts.md.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct VerdictTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private struct Run {
        let ended: SwiftletProcess.Ended
        let report: WrittenReport
        let seconds: Double
    }

    private func run(_ guest: String, _ append: String = "", _ options: [String]) throws -> Run {
        let path = "\(directory.path)/report.json"
        let start = MonotonicClock.now
        let arguments = [
            "run", try TestKernel.built("\(guest).elf"), "--append", append, "--report", "json:\(path)", "--timeout",
            "60s",
        ]
        let ended = try SwiftletProcess(
            arguments.filter { !(options.contains("--timeout") && ["--timeout", "60s"].contains($0)) } + options
        ).wait()
        let seconds = Double(MonotonicClock.now - start) / 1e9
        let report = try WrittenReport(readFile(path))
        #expect(report.exitStatus == ended.status)
        #expect("swiftlet: \(report.message)" == ended.lastLine)
        return Run(ended: ended, report: report, seconds: seconds)
    }

    @Test("a met expectation passes a run that would never end")
    func expectationEndsRun() throws {
        let run = try run("ends", "end=spin", ["--expect", "^ends: (spin|swim)$", "--expect", "ends"])
        #expect(run.ended.status == 0)
        #expect(
            run.ended.lastLine
                == "swiftlet: passed: the console said all 2 things that were expected: \"ends: spin\"")
        #expect(run.seconds < 20)
        #expect(run.report.outcome == "passed")
        #expect(run.report.console.expectations.map(\.line) == ["ends: spin", "ends: spin"])
        #expect(run.report.console.expectations.map(\.expression) == ["^ends: (spin|swim)$", "ends"])
        let seconds = try #require(run.report.console.expectations[0].seconds)
        #expect(seconds >= 0)
        #expect(seconds <= run.report.durationSeconds)
    }

    @Test(arguments: [("exit=0", 0), ("exit=3", 3), ("exit=1", 1), ("exit=200", 1)] as [(String, Int32)])
    func theGuestsOwnValueStands(append: String, status: Int32) throws {
        #expect(try run("hello", append, ["--expect", "cmdline"]).ended.status == status)
        #expect(try run("hello", append, ["--expect", "cmdline", "--until", "end"]).ended.status == status)
    }

    @Test func aGuestThatLeavesTooSoonHasFailed() throws {
        let run = try run("leaves", "", ["--expect", "test 1", "--expect", "test 3 of 3", "--expect", "more"])
        #expect(run.ended.status == 1)
        #expect(run.report.outcome == "failed")
        #expect(
            run.ended.lastLine
                == """
                swiftlet: failed: the guest wrote 0 to the exit port, and the console never said \"test 3 of 3\" \
                (nor 1 more of 3 expectations)
                """
        )
        #expect(run.report.console.expectations.map(\.line) == ["leaves: test 1 of 3: ok", nil, nil])
        #expect(try self.run("leaves", "done=3", ["--expect", "test 3 of 3"]).ended.status == 0)
        let off = try self.run("ends", "end=poweroff", ["--expect", "never"])
        #expect(off.ended.status == 1)
        #expect(off.ended.lastLine.contains("powered itself off, and the console never said \"never\""))
    }

    @Test(arguments: [("reset", 103), ("triplefault", 102), ("panic", 101)] as [(String, Int32)])
    func aBadEndIsNotExcused(end: String, status: Int32) throws {
        #expect(try run("ends", "end=\(end)", ["--expect", "ends: \(end)"]).ended.status == status)
        #expect(try run("ends", "end=\(end)", ["--expect", "never"]).ended.status == status)
    }

    @Test func aGuestThatStopsInALineIsTimedOut() throws {
        let run = try run("stops", "", ["--expect", "2 of 2", "--timeout", "1s"])
        #expect(run.ended.status == 124)
        #expect(run.report.outcome == "timeout")
        #expect(
            run.ended.lastLine
                == "swiftlet: timeout: the guest was still running after 1 s, and the console had not said \"2 of 2\"")
        #expect(run.ended.output.hasSuffix("stops: test 2 is run"))
        let half = try self.run("stops", "", ["--expect", "test 2 is run$"])
        #expect(half.ended.status == 0, "half a line is a line where it stops")
        #expect(half.seconds < 20, "half a line is a line where it stops")
        let late = try self.run("stops", "", ["--expect", "1 of 2", "--until", "end", "--timeout", "1s"])
        #expect(late.ended.status == 124)
        #expect(late.ended.lastLine == "swiftlet: timeout: the guest was still running after 1 s")
    }

    /// Where the guest's half line and swiftlet's own go to one place, they are still two lines.
    @Test func theLastLineIsALineOfItsOwn() throws {
        let both = Descriptor(
            owning: open("\(directory.path)/both", O_WRONLY | O_CREAT | O_APPEND, 0o600), object: "a file")
        let arguments = ["run", try TestKernel.built("stops.elf"), "--timeout", "500ms"]
        _ = try SwiftletProcess(arguments, output: both.raw, errors: both.raw).wait()
        let text = String(decoding: try readFile("\(directory.path)/both"), as: UTF8.self)
        #expect(text.contains("stops: test 2 is run\nswiftlet: vCPU 0 is "))
        #expect(text.hasSuffix("\nswiftlet: timeout: the guest was still running after 0.5 s\n"))
    }

    @Test(arguments: [["--console", "none"], ["--console", "stdio"]])
    func aFailureEndsAFlood(console: [String]) throws {
        let run = try run(
            "floods", "",
            ["--fail-on", "never", "--fail-on", "line 100 of", "--expect", "line 7 "] + console + ["--until", "end"])
        #expect(run.ended.status == 1)
        #expect(run.report.outcome == "failed")
        #expect(run.seconds < 20)
        #expect(
            run.ended.lastLine.hasPrefix(
                """
                swiftlet: failed: the console said what --fail-on \"line 100 of\" is on the watch for: \"floods: \
                line 100 of a flood that
                """
            ))
        let failure = try #require(run.report.console.failures.first)
        #expect(failure.kind == "fail-on")
        #expect(failure.expression == "line 100 of")
        #expect(run.report.console.failures.count == 1)
        #expect(
            failure.line
                == "floods: line 100 of a flood that nobody asked for and that a console has to take all the same")
    }

    @Test func aFloodInOneLineHidesNothingAndEndsInTime() throws {
        let run = try run("floods", "style=one-line", ["--expect", "\\b500 501\\b", "--console", "none"])
        #expect(run.ended.status == 0)
        #expect(run.seconds < 20)
        let slow = try self.run(
            "floods", "style=one-line",
            ["--fail-on", "((\\d|a)*1(\\d| ){150}c)", "--timeout", "1s", "--console", "none"])
        #expect(
            slow.ended.status == 124,
            "an expression that keeps the matcher busy does not keep the clock waiting")
        #expect(
            slow.seconds < 20,
            "an expression that keeps the matcher busy does not keep the clock waiting")
    }

    @Test(arguments: ["", "then=reset", "then=poweroff", "then=exit"])
    func aPanicIsOneWhateverFollows(then: String) throws {
        let run = try run("panics", then, ["--expect", "never"])
        #expect(run.ended.status == 101)
        #expect(run.report.outcome == "panic")
        #expect(
            run.ended.lastLine.hasPrefix(
                """
                swiftlet: the guest's kernel panicked: \"panics: [    1.234567] Kernel panic - not syncing: VFS: \
                Unable
                """
            ))
        #expect(run.report.durationSeconds < 1)
        #expect(run.ended.output.contains("---[ end Kernel panic"), "its trace is not cut off")
        #expect(run.report.console.failures.map(\.kind) == ["kernel panic"])
    }

    @Test(arguments: [("then=reset", 103), ("then=exit", 0)] as [(String, Int32)])
    func toldToFailOnNoneAPanicIsText(then: String, status: Int32) throws {
        #expect(try run("panics", then, ["--fail-on", "none"]).ended.status == status)
    }

    @Test(arguments: ["", " then=exit"])
    func anOopsFails(then: String) throws {
        let run = try run("panics", "says=oops" + then, [])
        #expect(run.ended.status == 1)
        #expect(run.report.outcome == "failed")
        #expect(run.report.durationSeconds < 1.5)
        #expect(
            run.ended.lastLine.contains(
                "in distress (kernel BUG): \"panics: [    1.234567] BUG: kernel NULL pointer dereference"))
        #expect(run.ended.output.contains("end trace"))
    }

    @Test func aWarningIsNoFailureUnlessAskedFor() throws {
        #expect(try run("panics", "says=warning then=exit", []).ended.status == 0)
        #expect(try run("panics", "says=warning then=exit", ["--fail-on", "WARNING:"]).ended.status == 1)
    }

    @Test func aPromptIsAnswered() throws {
        let run = try run(
            "asks", "", ["--send", "login: $=root\\n", "--send", "Password: $=a=b\\n", "--expect", "^welcome root$"])
        #expect(run.ended.status == 0, "\(run.ended.errors) \(run.ended.output)")
        #expect(run.report.console.answers.map(\.line) == ["asks: asks login: root", "Password: "])
        #expect(run.report.console.expectations.map(\.line) == ["welcome root"])
    }

    @Test func theSamePromptIsAnsweredInTurn() throws {
        let run = try run(
            "asks", "",
            [
                "--send", "login: $=guest\\r", "--send", "Password: $=wrong\\r", "--send", "login: $=ro\\x6ft\\r",
                "--send", "Password: $=a=b\\r",
                "--fail-on", "incorrect.*again", "--console", "none",
            ])
        #expect(run.ended.status == 0, "\(run.ended.errors)")
        #expect(run.report.console.answers.allSatisfy { $0.line != nil })
    }

    @Test func anUnansweredPromptIsATimeout() throws {
        let run = try run("asks", "", ["--send", "user: $=root\\n", "--expect", "welcome", "--timeout", "1s"])
        #expect(run.ended.status == 124)
        #expect(run.report.console.answers.map(\.line) == [nil])
    }

    /// 60 expressions that no automaton makes cheap, on a guest that never stops to speak: each byte takes a walk over
    /// thousands of steps.
    @Test("expensive expressions delay neither the clock nor the verdict")
    func expensiveExpressions() throws {
        let dear = (0..<60).flatMap { ["--expect", "[^c]*a[^c]{480}\($0 % 10)$"] }
        let run = try run(
            "floods", "", ["--timeout", "2s", "--console", "none", "--expect", "line 0 of a flood"] + dear)
        #expect(
            run.ended.status == 124,
            "\(run.ended.errors)")
        #expect(
            run.ended.lastLine.contains("(nor 59 more of 61 expectations)"),
            "\(run.ended.errors)")
        #expect(run.seconds < 6, "the time limit was 2 s")
        #expect(run.report.console.expectations[0].line?.contains("line 0 of a flood") == true)
        let more = try SwiftletProcess(["run", TestKernel.built("hello.elf")] + dear + dear).wait()
        #expect(
            more.status == 64,
            "\(more.errors)")
        #expect(
            more.errors.contains("the regular expressions are too large together"),
            "\(more.errors)")
    }

    /// What a guest said before the time limit counts, however slow it is to look at.
    @Test func whatCameBeforeTheTimeLimitIsSeen() throws {
        let dear = (0..<60).flatMap { ["--send", "[^c]*a[^c]{480}\($0 % 10)$=x"] }
        let run = try run("ends", "end=spin", ["--timeout", "1s", "--expect", "ends: spin$"] + dear)
        #expect(run.ended.status == 0, "\(run.ended.errors)")
    }
}
