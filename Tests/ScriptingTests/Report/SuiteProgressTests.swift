import Testing

@testable import Scripting

/// What a suite shows of itself on a terminal.
@Suite struct SuiteProgressTests {
    private static func progress(running: Int) -> SuiteProgress {
        var progress = SuiteProgress(planned: 40)
        progress.seconds = 61.9
        progress.running = (0..<running).map {
            SuiteProgress.Boot(name: "boot\($0)", attempt: $0 + 1, seconds: Double($0) * 59.99)
        }
        return progress
    }

    @Test func itCountsAndTellsTheTime() {
        var progress = Self.progress(running: 3)
        #expect(
            progress.lines(width: 79, height: 9) == [
                "[0/40] 0 failed, 3 running, 1m01s", "      0s boot0", "     59s boot1 (attempt 2)",
                "   1m59s boot2 (attempt 3)",
            ])
        for outcome in [.passed, .failed("so"), .skipped("why")] as [TestRecord.Outcome] {
            progress.counts.add(TestRecord(name: "x", outcome: outcome, seconds: 1))
        }
        progress.counts.add(
            TestRecord(name: "y", outcome: .passed, seconds: 1, retried: [.init(reason: "so", seconds: 1)]))
        progress.running = []
        #expect(progress.lines(width: 79, height: 9) == ["[4/40] 1 failed, 1 flaky, 1 skipped, 0 running, 1m01s"])
    }

    @Test func itIsNoHigherThanAsked() throws {
        #expect(Self.progress(running: 5).lines(width: 79, height: 6).count == 6)
        let cut = Self.progress(running: 5).lines(width: 79, height: 4)
        try #require(cut.count == 4)
        #expect(cut[2].hasSuffix("boot1 (attempt 2)"))
        #expect(cut[3] == "         and 3 more")
        #expect(Self.progress(running: 5).lines(width: 79, height: 2).last == "         and 5")
        for height in [1, 0, -3] { #expect(Self.progress(running: 5).lines(width: 79, height: height).count == 1) }
    }

    @Test(arguments: [1, 5, 20, 33, 79, 500])
    func itIsNoWiderThanAsked(_ width: Int) {
        var progress = SuiteProgress(planned: 1)
        progress.running = [
            .init(name: String(repeating: "n", count: 200), seconds: 1),
            .init(name: String(repeating: "\u{1F600}\u{6F22}", count: 99), seconds: 1e300),
            .init(name: "a\u{1B}[2Jb\r\nc\t", seconds: .nan),
        ]
        let lines = progress.lines(width: width, height: 9)
        #expect(lines.count == 4)
        for line in lines {
            // As a terminal counts: these two take two columns each.
            let columns = line.unicodeScalars.reduce(0) { $0 + ($1.isASCII ? 1 : 2) }
            #expect(columns <= min(width, 100), "\(line)")
            #expect(!line.unicodeScalars.contains { $0.value < 32 }, "\(line)")
        }
        if width >= 20 {
            #expect(lines[1].hasSuffix("n..."))
            #expect(lines[1].utf8.count == min(width, 100))
        }
    }
}
