import Testing

@testable import Scripting

@Suite struct StepSummaryTests {
    @Test func whatDidNotPassHasARow() {
        let records = [
            TestRecord(name: "fine", outcome: .passed, seconds: 1),
            TestRecord(name: "a|b\n`c`", outcome: .failed("no <b>"), seconds: 1.5),
            TestRecord(name: "broken", outcome: .error("gone"), seconds: 0),
            TestRecord(name: "turns", outcome: .passed, seconds: 2, retried: [.init(reason: "once", seconds: 1)]),
            TestRecord(name: "skipped", outcome: .skipped("so"), seconds: 0),
        ]
        let lines = StepSummary.markdown(name: "s", summary: "SUMMARY", records, unfinished: "ended").split(
            separator: "\n"
        ).map(String.init)
        #expect(
            lines == [
                "### s", "SUMMARY", "ended", "| | test | why | seconds |", "|---|---|---|---|", lines[5],
                "| host error | broken | gone | 0.000 |",
                "| flaky | turns | once | 2.000 |",
            ])
        #expect(lines[5].hasPrefix("| failed | a\\|b"))
        #expect(lines[5].hasSuffix("\\`c\\` | no &lt;b&gt; | 1.500 |"))
    }

    @Test func aNameIsOnlyAName() {
        #expect(
            StepSummary.escaped("[x](http://y) **b** @me #1 a_b \\")
                == "\\[x\\]\\(http\\:\\/\\/y\\) \\*\\*b\\*\\* &#64;me &#35;1 a\\_b \\\\")
        #expect(
            !StepSummary.escaped("a\nb\u{1B}[31m\u{202E}").unicodeScalars.contains {
                $0.value < 32 || $0.value == 0x202E
            })
        let many = (0..<5000).map { TestRecord(name: "\($0)", outcome: .failed(SuiteReportTests.hostile), seconds: 1) }
        #expect(StepSummary.markdown(name: "s", summary: "", many).utf8.count < 1 << 20)
    }

    @Test func theLikestNameComesFirst() {
        let names = ["alpha", "hello[cpus=1]", "hello[cpus=2]", "help"]
        #expect(NearNames.of("HELLO", among: names, limit: 2) == ["hello[cpus=1]", "hello[cpus=2]"])
        #expect(NearNames.of("alhpa", among: names, limit: 1) == ["alpha"])
        #expect(NearNames.sentence("x", among: ["a"]) == "; there is a")
        #expect(NearNames.sentence("x", among: []) == "")
        #expect(NearNames.sentence("5", among: (0..<20).map { "\($0)" }).hasPrefix("; there are 5, 15, 0,"))
        #expect(NearNames.sentence("5", among: (0..<20).map { "\($0)" }).hasSuffix(" and 12 more (--list)"))
        #expect(NearNames.of(String(repeating: "x", count: 100_000), among: names, limit: 1).count == 1)
    }
}
