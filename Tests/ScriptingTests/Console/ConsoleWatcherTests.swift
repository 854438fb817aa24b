import Testing

@testable import Scripting

/// A guest's console in a test: what it says, and when.
struct Guest {
    var watcher: ConsoleWatcher
    var now = 0.0

    init(
        expect: [String] = [], failOn: [String] = [], send: [String] = [], kernel: Bool = true, until end: Bool = false
    ) throws {
        watcher = ConsoleWatcher(
            ConsoleScript(
                expectations: try expect.map { try RegularExpression($0) },
                failures: try failOn.map { try RegularExpression($0) },
                answers: try send.map { try ConsoleAnswer($0) }, watchesKernel: kernel, endsWhenMet: !end))
    }

    /// Says something and asks at once what is to be done.
    @discardableResult
    mutating func says(_ text: String) -> ConsoleWatcher.Action {
        watcher.receive(Array(text.utf8), at: now)
        return watcher.look(at: now)
    }

    /// Lets time pass as the main loop does: it looks when it was told to. Ends early where the run ends.
    @discardableResult
    mutating func waits(_ seconds: Double) -> ConsoleWatcher.Action {
        let end = now + seconds
        var all = ConsoleWatcher.Action()
        var action = watcher.look(at: now)
        all.input += action.input
        while !action.endsRun, let next = action.next, next <= end {
            now = max(next, now + 1e-9)
            action = watcher.look(at: now)
            all.input += action.input
        }
        all.endsRun = action.endsRun
        if !action.endsRun { now = end }
        return all
    }
}

@Suite struct ConsoleWatcherTests {
    @Test func allThatIsExpectedIsMetInAnyOrder() throws {
        var guest = try Guest(expect: ["second", "first \\d"])
        guest.says("first 1 of 2\n")
        #expect(!guest.waits(10).endsRun)
        guest.says("second\n")
        #expect(!guest.watcher.look(at: guest.now).endsRun, "the guest may end by itself first")
        #expect(guest.waits(1).endsRun)
        #expect(guest.now < 10.2)
        let findings = guest.watcher.findings
        #expect(findings.expectations.map { $0?.line } == ["second", "first 1 of 2"])
        #expect(findings.expectations.map { $0?.seconds } == [10, 0])
    }

    /// Who watches may be late by any time: what counts is when the guest spoke.
    @Test func aPauseIsSeenByWhoLooksLate() throws {
        var guest = try Guest(expect: ["login: $"], until: true)
        guest.watcher.receive(Array("login: ".utf8), at: 1)
        guest.watcher.receive(Array("[    5.0] usb".utf8), at: 5)
        #expect(guest.watcher.findings.expectations[0].map { $0.seconds > 1 && $0.seconds < 1.2 } == true)
    }

    @Test func aGuestThatIsNeverSilentIsEndedAllTheSame() throws {
        var guest = try Guest(expect: ["met"])
        guest.says("met\n")
        var ended = false
        for _ in 0..<1000 where !ended {
            guest.now += 0.001
            ended = guest.says("flood").endsRun
        }
        #expect(ended)
        #expect(guest.now < 0.6)
    }

    @Test func untilTheEndTheGuestEndsByItself() throws {
        var guest = try Guest(expect: ["met"], until: true)
        guest.says("met\n")
        #expect(!guest.waits(100).endsRun)
        #expect(guest.watcher.findings.areExpectationsMet)
    }

    @Test(arguments: 1...7)
    func chunksMakeNoDifference(size: Int) throws {
        var guest = try Guest(expect: ["tests: \\d+ passed$"])
        let bytes = Array("\u{1B}[32mtests: \u{1B}[1m12\u{1B}[0m passed\r\n".utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            guest.watcher.receive(Array(bytes[start..<min(start + size, bytes.count)]), at: 0)
        }
        #expect(guest.watcher.findings.expectations[0]?.line == "tests: 12 passed")
    }

    @Test func aPromptIsAnsweredThoughItsLineDoesNotEnd() throws {
        var guest = try Guest(send: ["login: $=root\\n", "assword:=x\\n"])
        #expect(guest.says("\r\ndebian login: ").input.isEmpty, "more may come")
        #expect(guest.waits(0.2).input == Array("root\n".utf8))
        #expect(guest.says("root\r\nPassword:").input == Array("x\n".utf8), "nothing has to be waited for without a $")
        guest.says("\r\nlogin: ")
        #expect(guest.waits(1).input.isEmpty, "once")
        #expect(guest.watcher.findings.answers.map { $0?.line } == ["debian login: root", "Password:"])
    }

    @Test func theSamePromptTakesTurns() throws {
        var guest = try Guest(send: ["# $=ls\\n", "# $=poweroff\\n"])
        guest.says("# ")
        #expect(guest.waits(1).input == Array("ls\n".utf8))
        guest.says("ls\r\nfile\r\n# ")
        #expect(guest.waits(1).input == Array("poweroff\n".utf8))
        guest.says("\r\n# ")
        #expect(guest.waits(1).input.isEmpty)
    }

    /// What goes on matching is one prompt.
    @Test func aLongMatchIsAnsweredOnce() throws {
        var guest = try Guest(send: ["a.*=1", "a.*=2"])
        #expect(guest.says("abcdef").input == Array("1".utf8))
        #expect(guest.says("\nabc").input == Array("2".utf8))
    }

    @Test func whatTheKernelPrintsInBetweenHidesNothing() throws {
        var guest = try Guest(expect: ["login: "], send: ["login: =root\\n"])
        #expect(guest.says("host login: [   5.123456] random: crng init done\r\n").input == Array("root\n".utf8))
        #expect(guest.watcher.findings.expectations[0] != nil)
    }

    @Test func aFailureEndsTheRunWithItsWholeLine() throws {
        var guest = try Guest(expect: ["PASS"], failOn: ["not ok", "FAIL"])
        #expect(!guest.says("ok 1\nnot o").endsRun)
        #expect(!guest.says("k 2").endsRun)
        #expect(guest.says(" - alloc\n").endsRun)
        #expect(guest.watcher.findings.failure?.cause == .script(0))
        #expect(guest.watcher.findings.failure?.sighting.line == "not ok 2 - alloc")
    }

    @Test func aFailureOnHalfALineEndsTheRunToo() throws {
        var guest = try Guest(failOn: ["FAIL"])
        guest.says("FAIL: half a li")
        #expect(guest.waits(1).endsRun)
        #expect(guest.now <= 0.11)
        guest.watcher.close(at: guest.now)
        #expect(guest.watcher.findings.failure?.sighting.line == "FAIL: half a li")
    }

    @Test func whatIsSeenAtTheEndCounts() throws {
        var guest = try Guest(expect: ["done$"])
        guest.watcher.receive(Array("done".utf8), at: 1)
        #expect(guest.watcher.findings.expectations[0] == nil)
        guest.watcher.close(at: 1)
        #expect(guest.watcher.findings.expectations[0]?.line == "done")
    }

    @Test func memoryIsBounded() throws {
        var guest = try Guest(expect: ["end"])
        for _ in 0..<200 { guest.says(String(repeating: "x", count: 10_000)) }
        guest.says("end")
        #expect(guest.watcher.findings.expectations[0]?.line.count ?? 0 <= 1024)
        #expect(guest.watcher.findings.expectations[0]?.line.hasSuffix("xend") == true)
    }

    @Test func whatATerminalWouldObeyIsNotInALine() throws {
        var guest = try Guest(expect: ["end"])
        guest.says("\u{9B}2J\u{1B}]0;x\u{07}end\n")
        #expect(guest.watcher.findings.expectations[0]?.line == "\u{FFFD}2Jend")
    }

    @Test func aGuestThatSaysNothingIsNotWaitedFor() throws {
        var guest = try Guest(expect: ["x"], send: ["y=z"])
        #expect(guest.watcher.look(at: 0).next == nil)
        guest.says("no")
        guest.waits(10)
        #expect(guest.watcher.look(at: 10).next == nil, "nothing to wake for after the pause")
    }
}
