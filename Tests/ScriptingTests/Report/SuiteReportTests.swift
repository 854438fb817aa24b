import Foundation
import FoundationXML
import Testing

@testable import Scripting

/// Reports, read by parsers that are not ours: libxml2 for XML, Foundation's for JSON, python's for XML once more.
@Suite struct SuiteReportTests {
    /// Everything a guest may say that a format can trip over.
    static let hostile =
        String(String.UnicodeScalarView((0...0x9F).compactMap { Unicode.Scalar($0) }))
        + "]]> <![CDATA[ & &amp; \" ' # \\# \u{FFFE}\u{FFFF}\u{2028}\u{FEFF}"
        + String(decoding: [0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80] as [UInt8], as: UTF8.self) + "\u{1F600}\r\nend\n"

    static let records = [
        TestRecord(name: "plain", outcome: .passed, seconds: 0.25),
        TestRecord(
            name: hostile, outcome: .failed(hostile), seconds: 1.0004, details: [hostile, "again: swiftlet run"],
            console: hostile),
        TestRecord(name: "later", outcome: .passed, seconds: 2, retried: [.init(reason: hostile, seconds: 1)]),
        TestRecord(name: "never", outcome: .failed("no"), seconds: 1, retried: [.init(reason: "nor", seconds: 1)]),
        TestRecord(name: "none", outcome: .skipped("a # b"), seconds: 0),
        TestRecord(
            name: "broken", outcome: .error("no # \(hostile)"), seconds: 1,
            retried: [.init(reason: "nor", seconds: 1), .init(reason: "host", seconds: 1, isError: true)],
            details: ["why"]),
    ]

    /// The file after each change, as a killed suite would leave it, and the last one.
    static func files(
        _ format: SuiteReportFormat, planned: Int = records.count, because reason: String? = nil, end: Bool = true
    ) -> [[UInt8]] {
        var report = SuiteReport(format, name: "boots \(hostile)", planned: planned)
        var files: [[UInt8]] = []
        func take(_ change: SuiteReportChange) {
            switch change {
            case .append(let bytes): files.append((files.last ?? []) + bytes)
            case .replace(let bytes): files.append(bytes)
            }
        }
        take(report.begin())
        for record in records { take(report.add(record)) }
        if end { take(report.end(because: reason)) }
        return files
    }

    private static func text(_ node: XMLNode?) -> String { node?.stringValue ?? "" }

    @Test func junitIsXMLAfterEveryTest() throws {
        let files = Self.files(.junit)
        #expect(files.count == Self.records.count + 2)
        for (index, file) in files.enumerated() {
            let document = try XMLDocument(data: Data(file))
            let suite = try #require(document.rootElement()?.elements(forName: "testsuite").first)
            let cases = suite.elements(forName: "testcase")
            let over = min(index, Self.records.count)
            let isLast = index == files.count - 1
            #expect(cases.count == over + (isLast ? 0 : 1))
            #expect(Self.text(suite.attribute(forName: "tests")) == "\(cases.count)")
            #expect(Self.text(suite.attribute(forName: "errors")) == "\((over == 6 ? 1 : 0) + (isLast ? 0 : 1))")
            #expect(
                try document.nodes(forXPath: "//failure").count == Int(Self.text(suite.attribute(forName: "failures"))))
            #expect(
                try document.nodes(forXPath: "//skipped").count == Int(Self.text(suite.attribute(forName: "skipped"))))
            let message = Self.text(cases.last?.elements(forName: "error").first?.attribute(forName: "message"))
            #expect(message.contains("\(over) of 6 tests") == !isLast)
        }
        let last = try XMLDocument(data: Data(try #require(files.last)))
        #expect(try last.nodes(forXPath: "//testcase[@name='later']/flakyFailure").count == 1)
        #expect(try last.nodes(forXPath: "//testcase[@name='never']/rerunFailure[@message='nor']").count == 1)
        #expect(
            try last.nodes(
                forXPath:
                    """
                    //testcase[@name='broken'][error/@type='host'][rerunFailure]\
                    [rerunError/@message='host'][not(failure)]
                    """
            ).count == 1)
        #expect(Self.text(try last.nodes(forXPath: "/testsuites/@time").first) == "9.250")
        let failed = try #require(try last.nodes(forXPath: "//testcase[failure]").first as? XMLElement)
        // What XML can tell and nobody obeys arrives as it was; the rest as an escape.
        let console = Self.text(failed.elements(forName: "system-out").first)
        #expect(console.contains("\\x00\\x01"))
        #expect(console.contains("\t\n\\x0b"))
        #expect(console.contains("\\u{85}"))
        #expect(console.contains("]]> <![CDATA[ & &amp; \" ' # \\# \\u{fffe}\\u{ffff}\\u{2028}\\u{feff}"))
        #expect(Array(console.utf8.suffix(6)) == Array("\r\nend\n".utf8))
        #expect(Self.text(failed.attribute(forName: "name")) == console)
    }

    /// Whoever shows a report in a terminal, an editor or a log is shown it, and nothing else happens.
    @Test(arguments: SuiteReportFormat.allCases)
    func aReportIsPlainText(format: SuiteReportFormat) throws {
        for file in Self.files(format) {
            let text = String(decoding: file, as: UTF8.self)
            #expect(!text.unicodeScalars.contains { $0 != "\n" && VisibleText.isHidden($0) })
        }
    }

    @Test func astralCharactersThatAreHidden() {
        #expect(ReportText.json("\u{E0041}\u{1F600}") == #""\udb40\udc41😀""#)
        #expect(ReportText.yaml("\u{E0041}\u{202E}") == #""\U000e0041\u202e""#)
        let plain = ReportText.plainJSON(Array("{\"a\" : \"\u{85}ä\u{E0041}\u{7F}\"}".utf8))
        #expect(String(decoding: plain, as: UTF8.self) == #"{"a" : "\u0085ä\udb40\udc41\u007f"}"#)
    }

    @Test func junitTellsAllOfAFailureInOneText() throws {
        let console = (0..<40).map { "line \($0)\r\n" }.joined() + "[[ATTACHMENT|/etc/shadow]]\r\n"
        for outcome in [TestRecord.Outcome.failed("no"), .error("no")] {
            let record = TestRecord(
                name: "a", outcome: outcome, seconds: 1, details: ["again: x"], console: console,
                postMortem: ["vCPU 0 is spinning", "rip 0x10"],
                log: "logs/a.log")
            let document = try XMLDocument(data: Data(SuiteReport.whole(.junit, name: "s", [record])))
            let text = Self.text(try document.nodes(forXPath: "//failure | //error").first).split(
                whereSeparator: \.isNewline
            ).map(String.init)
            #expect(
                text.prefix(6) == [
                    "no", "again: x", "vCPU 0 is spinning", "rip 0x10", "the end of its console:", "line 11",
                ])
            #expect(text.count == 35)
            #expect(text.last == "[[ATTACHMENT|/etc/shadow]]")
            // What readers look into for files begins with ours and has no other.
            let output = Self.text(try document.nodes(forXPath: "//system-out").first)
            #expect(output.hasPrefix("[[ATTACHMENT|logs/a.log]]\nline 0"))
            #expect(output.ranges(of: "[[ATTACHMENT|").count == 1)
            let json = try #require(
                SuiteReport.whole(.jsonl, name: "s", [record]).split(separator: 10).dropFirst().first)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
            #expect(object["log"] as? String == "logs/a.log")
            #expect(object["post_mortem"] as? [String] == ["vCPU 0 is spinning", "rip 0x10"])
        }
    }

    @Test func anUnfinishedSuiteSaysWhy() throws {
        let junit = try XMLDocument(
            data: Data(Self.files(.junit, planned: 9, because: "ended by signal 15").last ?? []))
        let message = Self.text(try junit.nodes(forXPath: "//error[@type='unfinished']/@message").first)
        #expect(message == "ended by signal 15: 6 of 9 tests are over")
        let tap = String(decoding: Self.files(.tap, because: "a # b").last ?? [], as: UTF8.self)
        #expect(tap.hasSuffix("\nBail out! a \\# b\n"))
        let line = try #require(Self.files(.jsonl, because: "x\"y").last?.split(separator: 10).last)
        let end = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(end["unfinished"] as? String == "x\"y")
    }

    @Test func jsonIsAnObjectALine() throws {
        let file = try #require(Self.files(.jsonl).last)
        #expect(file.last == 10)
        #expect(!file.contains { $0 < 10 })
        let lines = try file.split(separator: 10).map {
            try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] ?? [:]
        }
        #expect(
            lines.compactMap { $0["event"] as? String } == [
                "suite", "test", "test", "test", "test", "test", "test", "end",
            ])
        #expect(lines[6]["outcome"] as? String == "error")
        #expect(lines[0]["planned"] as? Int == 6)
        #expect(lines[2]["console"] as? String == Self.hostile)
        #expect(lines[2]["reason"] as? String == Self.hostile)
        #expect(lines[2]["seconds"] as? Double == 1)
        #expect(lines[3]["flaky"] as? Bool == true)
        #expect(lines[4]["flaky"] as? Bool == false)
        let end = try #require(lines.last)
        #expect(end["passed"] as? Int == 2)
        #expect(end["failed"] as? Int == 2)
        #expect(end["skipped"] as? Int == 1)
        #expect(end["flaky"] as? Int == 1)
        #expect(end["errors"] as? Int == 1)
    }

    @Test func tapIsReadAsItWasMeant() throws {
        let text = String(decoding: Self.files(.tap).last ?? [], as: UTF8.self)
        let tests = try TAPReader.read(text)
        #expect(tests.plan == 6)
        #expect(tests.points.map(\.number) == [1, 2, 3, 4, 5, 6])
        #expect(tests.points.map(\.isOK) == [true, false, true, false, true, false])
        #expect(tests.points.map(\.isSkipped) == [false, false, false, false, true, false])
        #expect(tests.points.map(\.isError) == [false, false, false, false, false, true])
        #expect(tests.points[4].description == "none")
        #expect(tests.points[0].description == "plain")
        #expect(tests.points[1].description.contains("# \\#"))
        #expect(tests.points[1].diagnostics.contains("  duration_ms: 1000"))
        // After each test what is there can be read, and is less than the plan.
        for (index, file) in Self.files(.tap).dropLast(2).enumerated() {
            let part = try TAPReader.read(String(decoding: file, as: UTF8.self))
            #expect(part.points.count == index)
            #expect(part.plan == 6)
        }
        #expect(TAPReport.opening(planned: 0).contains("1..0 # SKIP"))
    }
}

/// A reader of what Test Anything Protocol 14 allows in a stream without subtests.
struct TAPReader {
    struct Point {
        let number: Int
        let isOK: Bool
        let description: String
        let isSkipped: Bool
        /// By a directive of ours.
        let isError: Bool
        var diagnostics: [Substring] = []
    }

    struct NotTAP: Error { let line: Substring }

    private(set) var plan = -1
    private(set) var points: [Point] = []

    static func read(_ text: String) throws -> TAPReader {
        var reader = TAPReader()
        // By bytes: a line ends where a line feed is, and nowhere else.
        let lines = text.utf8.split(separator: 10, omittingEmptySubsequences: true).map { Substring($0) }
        guard lines.first == "TAP version 14" else { throw NotTAP(line: lines.first ?? "") }
        var inBlock = false
        for line in lines.dropFirst() {
            if inBlock {
                if line == "  ..." {
                    inBlock = false
                } else {
                    reader.points[reader.points.count - 1].diagnostics.append(line)
                }
                guard line.hasPrefix("  ") else { throw NotTAP(line: line) }
                continue
            }
            if line == "  ---" {
                guard !reader.points.isEmpty else { throw NotTAP(line: line) }
                inBlock = true
            } else if line.hasPrefix("1.."), let plan = Int(line.dropFirst(3)), reader.plan < 0 {
                reader.plan = plan
            } else {
                reader.points.append(try point(line))
            }
        }
        guard !inBlock else { throw NotTAP(line: lines.last ?? "") }
        return reader
    }

    private static func point(_ line: Substring) throws -> Point {
        let isOK = line.hasPrefix("ok ")
        guard isOK || line.hasPrefix("not ok ") else { throw NotTAP(line: line) }
        let rest = line.dropFirst(isOK ? 3 : 7)
        guard let number = Int(rest.prefix { $0.isNumber }), let dash = rest.range(of: " - ") else {
            throw NotTAP(line: line)
        }
        var (words, directive, isEscaped) = ("", "", false)
        for scalar in rest[dash.upperBound...].unicodeScalars {
            guard directive.isEmpty else {
                directive.unicodeScalars.append(scalar)
                continue
            }
            if isEscaped {
                words.unicodeScalars.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "#" {
                directive = "#"
            } else {
                words.unicodeScalars.append(scalar)
            }
        }
        let isError = directive.hasPrefix("# ERROR ")
        guard directive.isEmpty || directive.hasPrefix("# SKIP ") || isError && !isOK else { throw NotTAP(line: line) }
        return Point(
            number: number, isOK: isOK, description: words.trimmingCharacters(in: [" "]),
            isSkipped: directive.hasPrefix("# SKIP "), isError: isError)
    }
}
