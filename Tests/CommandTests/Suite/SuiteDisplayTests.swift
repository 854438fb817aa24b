import Glibc
import LinuxSystem
import TestSupport
import Testing

/// `swiftlet suite` on a terminal: what runs is shown below the lines that stay, which are those of a pipe.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SuiteDisplayTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file("ends.elf", readFile(TestKernel.built("ends.elf")))
        _ = try directory.file("hello.elf", readFile(TestKernel.built("hello32.elf")))
        let long = String(repeating: "long-", count: 20)
        _ = try directory.file(
            "boots.toml",
            Array(
                """
                [[boot]]
                name = "first"
                kernel = "hello.elf"
                [[boot]]
                name = "\(long)"
                kernel = "ends.elf"
                append = "end=spin"
                timeout = "3s"
                retries = 1
                [[boot]]
                name = "spins"
                kernel = "ends.elf"
                append = "end=spin"
                timeout = "5s"
                [[boot]]
                name = "last"
                kernel = "hello.elf"
                [[boot]]
                name = "not"
                kernel = "hello.elf"
                skip = "no"
                """.utf8))
    }

    /// The suite as its terminal's foreground job, as a shell has it.
    private func start(_ screen: TerminalScreen, _ environment: String, _ options: String = "", output: String? = nil)
        throws -> SwiftletProcess
    {
        let terminal = try Descriptor(opening: screen.path, flags: O_RDWR | O_NOCTTY)
        let script =
            """
            stty columns \(screen.columns) rows 9; cd \(directory.path); \(environment) exec \"$0\" suite \
            boots.toml --jobs 2 \(options)
            """
        let file = try output.map { try Descriptor(opening: $0, flags: O_WRONLY | O_CREAT) }
        return try SwiftletProcess(
            [SwiftletProcess.path], program: "/usr/bin/setsid", leading: ["--ctty", "--wait", "sh", "-c", script],
            input: terminal.raw,
            output: Self.number(of: file) ?? terminal.raw, errors: terminal.raw)
    }

    /// Borrowing by its signature, so that the file stays open.
    private static func number(of file: borrowing Descriptor?) -> Int32? {
        switch file {
        case .some(let file): file.raw
        case .none: nil
        }
    }

    /// The lines that a pipe would get, put together again where a terminal of this width has broken them, without what
    /// is never twice the same.
    private func whole(_ lines: [String], _ columns: Int) -> [String] {
        var whole: [String] = []
        var isBroken = false
        for line in lines {
            if isBroken { whole[whole.count - 1] += line } else { whole.append(line) }
            isBroken = line.utf8.count == columns
        }
        return whole.map(\.withoutTimes).filter { !$0.hasPrefix("#   vCPU ") }
    }

    private func verdicts() -> [String] {
        let again = "#   again: swiftlet run ends.elf --append=end=spin"
        let long = String(repeating: "long-", count: 20)
        return [
            "PASS first", "FAIL spins (timeout: the guest was still running after 5 s)", "\(again) --timeout=5s",
            "FAIL \(long) (timeout: the guest was still running after 3 s)", "\(again) --timeout=3s",
            "#   attempt 1: timeout: the guest was still running after 3 s", "PASS last", "SKIP not (no)",
            "# did not pass:", "#   FAIL \(long)", "#   FAIL spins", "SUMMARY: 5 tests, 2 passed, 2 failed, 1 skipped",
        ]
    }

    @Test func whatRunsIsShownAndGoneAtTheEnd() throws {
        let screen = try TerminalScreen(columns: 50)
        let process = try start(screen, "TERM=xterm")
        var (seen, widest) = ([[String]](), 0)
        #expect(
            try eventually(within: 30) {
                let lines = try screen.lines()
                if seen.last != lines { seen.append(lines) }
                return lines.last?.hasPrefix("SUMMARY") == true
            })
        #expect(try process.wait().status == 1)
        let ended = try screen.lines()
        // Those of a boot come when it ends, whichever ends first.
        #expect(Set(whole(ended, 50)) == Set(verdicts()), "\(ended)")
        #expect(whole(ended, 50).count == verdicts().count, "\(ended)")
        // Both boots at once, one of them again, with times that pass; never a line that the terminal had to break.
        for line in seen.joined() where !ended.contains(line) { widest = max(widest, line.utf8.count) }
        #expect(widest == 49)
        func isShown(_ wanted: (String) -> Bool) -> Bool { seen.contains { $0.contains(where: wanted) } }
        #expect(isShown { $0 == "[1/5] 0 failed, 2 running, 1s" })
        #expect(isShown { $0 == "      4s spins" })
        #expect(isShown { $0.hasPrefix("      1s long-long-") && $0.hasSuffix("...") })
        // What stays is never overwritten, not even for a moment.
        for lines in seen where lines.contains(where: { $0.hasPrefix("[") }) {
            #expect(lines.first?.withoutTimes == "PASS first" || lines.first?.hasPrefix("[") == true)
        }
        let text = String(decoding: screen.bytes, as: UTF8.self)
        #expect(text.contains("\u{1B}[32mPASS\u{1B}[0m first"))
        #expect(text.contains("\u{1B}[31mFAIL\u{1B}[0m spins"))
    }

    @Test func aSimpleTerminalGetsPlainLines() throws {
        for environment in ["TERM=dumb", "TERM="] {
            let screen = try TerminalScreen(columns: 200)
            let ended = try start(screen, environment, "--only first --only last --only not").wait()
            #expect(ended.status == 0)
            _ = try screen.lines()
            let text = String(decoding: screen.bytes, as: UTF8.self)
            #expect(!text.contains("\u{1B}"))
            #expect(!text.contains("running"))
            #expect(text.contains("PASS first ("))
            #expect(text.contains("SUMMARY: 3 tests"))
        }
        let screen = try TerminalScreen(columns: 200)
        #expect(try start(screen, "TERM=xterm NO_COLOR=1", "--only first --only spins --timeout 2s").wait().status == 1)
        _ = try screen.lines()
        let text = String(decoding: screen.bytes, as: UTF8.self)
        #expect(text.contains("1 running"))
        #expect(text.contains("PASS first ("))
        #expect(!text.contains("\u{1B}[0m"))
        #expect(!text.contains("\u{1B}[32m"))
    }

    @Test func aReportToTheTerminalIsLeftAlone() throws {
        let screen = try TerminalScreen(columns: 200)
        let ended = try start(screen, "TERM=xterm", "--only first --only spins --timeout 2s --report tap:/dev/stdout")
            .wait()
        #expect(ended.status == 1)
        let lines = try screen.lines()
        #expect(lines.prefix(3).map(\.withoutTimes) == ["TAP version 14", "1..2", "PASS first"])
        #expect(lines.contains("not ok 2 - spins"))
        #expect(lines.last?.hasPrefix("SUMMARY") == true)
        #expect(!String(decoding: screen.bytes, as: UTF8.self).contains("1 running,"))
    }

    @Test func linesToAFileLeaveTheTerminalToWhatRuns() throws {
        let screen = try TerminalScreen(columns: 80)
        let process = try start(
            screen, "TERM=xterm", "--only first --only spins --timeout 2s", output: "\(directory.path)/out")
        var isShown = false
        #expect(
            try eventually(within: 30) {
                isShown = try isShown || screen.lines().contains("      1s spins"); return isShown
            })
        #expect(try process.wait().status == 1)
        #expect(try screen.lines().isEmpty)
        let file = String(decoding: try directory.contents("out"), as: UTF8.self)
        #expect(file.firstMatch(of: /^PASS first \([0-9.]+ s\)\nFAIL spins \(timeout/) != nil)
        #expect(file.hasSuffix("skipped\n"))
        #expect(!file.contains("\u{1B}"))
    }

    @Test func theKeyThatEndsItLeavesTheTerminalClean() throws {
        let screen = try TerminalScreen(columns: 60)
        let process = try start(screen, "TERM=xterm")
        #expect(try eventually(within: 30) { try screen.lines().contains("      1s spins") })
        var before = termios()
        tcgetattr(screen.master.raw, &before)
        #expect(before.c_lflag & tcflag_t(ECHO) != 0)
        screen.type("\u{3}")
        let ended = try process.wait(within: 20)
        #expect(ended.status == 130)
        let lines = whole(try screen.lines(), 60)
        let long = String(repeating: "long-", count: 20)
        #expect(
            lines == [
                "PASS first", "# ended with the suite: \(long), spins", "# not run: 2 tests",
                "SUMMARY: 1 test, 1 passed, 0 failed, 0 skipped",
                "swiftlet suite: ended by signal 2; what was running was ended too",
            ])
        #expect(!String(decoding: screen.bytes, as: UTF8.self).contains("\u{1B}[?"))
    }

    @Test func theKeyThatStopsItTakesWhatRunsAway() throws {
        let screen = try TerminalScreen(columns: 60)
        let process = try start(screen, "TERM=xterm", "--only first --only spins --timeout 4s")
        #expect(try eventually(within: 30) { try screen.lines().contains("      1s spins") })
        // Not by the key: the terminal's session has no shell here that could continue the job, so the kernel would not
        // stop it.
        let suite = try #require(Self.child(of: process.child.id))
        kill(suite, SIGTSTP)
        #expect(try eventually(within: 5) { try screen.lines().map(\.withoutTimes) == ["PASS first"] })
        #expect(eventually(within: 5) { Self.state(of: suite) == "T" })
        kill(suite, SIGCONT)
        #expect(try process.wait(within: 20).status == 1)
        #expect(try screen.lines().last == "SUMMARY: 2 tests, 1 passed, 1 failed, 0 skipped")
        #expect(try screen.lines().first?.withoutTimes == "PASS first")
    }

    private static func child(of id: pid_t) -> pid_t? {
        (try? readFile("/proc/\(id)/task/\(id)/children")).flatMap {
            pid_t(String(decoding: $0, as: UTF8.self).split(separator: " ").first ?? "")
        }
    }

    private static func state(of id: pid_t) -> String? {
        (try? readFile("/proc/\(id)/stat")).flatMap {
            String(decoding: $0, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first.map(String.init)
        }
    }
}
