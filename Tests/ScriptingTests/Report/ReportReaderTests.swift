import TestSupport
import Testing

@testable import Scripting

/// Our reports in the hands of the programs that people read them with: JUnit's by our schema and by junitparser, TAP's
/// by tap.py.
@Suite(.enabled(if: Checkers.arePresent, "\(Checkers.absence)"))
struct ReportReaderTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let schema = "\(TestKernel.root)/docs/junit.xsd"

    /// A report after each of its changes, as a suite that was killed there would leave it.
    private func files(_ format: SuiteReportFormat) throws -> [String] {
        let all =
            SuiteReportTests.files(format, planned: 7, because: "ended by signal 15") + [
                SuiteReportTests.files(format).last ?? []
            ]
        return try all.enumerated().map { try directory.file("report\($0)", $1) }
    }

    @Test func junitFitsItsSchema() throws {
        for file in try files(.junit) {
            let answer = try Checkers.xmllint(file, schema: Self.schema)
            #expect(answer.status == 0, "\(answer.text)")
        }
    }

    @Test(arguments: [
        ("failures=\"2\"", "failures=\"two\""), ("<skipped ", "<omitted "), (" time=\"0.250\"", " time=\"2.5e-1\""),
        (" name=\"plain\"", ""),
        (
            "</testsuite>",
            """
            <testcase classname=\"a\" name=\"b\" time=\"0.000\"><skipped message=\"\"/><skipped \
            message=\"\"/></testcase></testsuite>
            """
        ),
    ])
    func theSchemaRefusesWhatIsNoReport(_ change: (String, String)) throws {
        var text = String(decoding: SuiteReportTests.files(.junit).last ?? [], as: UTF8.self)
        let place = try #require(text.firstRange(of: change.0))
        text.replaceSubrange(place, with: change.1)
        let answer = try Checkers.xmllint(try directory.file("bad.xml", Array(text.utf8)), schema: Self.schema)
        #expect(answer.status != 0, "\(change)")
    }

    @Test func aCommonReaderOfJUnitCountsTheSame() throws {
        let script = """
            import sys, junitparser
            for path in sys.argv[1:]:
                for suite in junitparser.JUnitXml.fromfile(path):
                    cases = list(suite)
                    kinds = [sorted({type(result).__name__ for result in case.result}) for case in cases]
                    print(suite.tests, suite.failures, suite.errors, suite.skipped, len(cases), round(suite.time, 3), \
                        kinds)
                    counts = (suite.tests, suite.failures, suite.errors, suite.skipped)
                    suite.update_statistics()
                    assert counts == (suite.tests, suite.failures, suite.errors, suite.skipped)
            """
        let all = try files(.junit)
        let answer = try Checkers.python(script, all)
        let lines = answer.text.split(separator: "\n")
        #expect(answer.status == 0, "\(answer.text)")
        #expect(lines.count == all.count, "\(answer.text)")
        #expect(lines.last == "6 2 1 1 6 9.25 [[], ['Failure'], [], ['Failure'], ['Skipped'], ['Error']]")
        try #require(lines.count > 2)
        #expect(lines[2] == "3 1 1 0 3 1.25 [[], ['Failure'], ['Error']]")
    }

    @Test func aCommonReaderOfTAPReadsEachTest() throws {
        let script = """
            import sys, tap.parser
            for line in tap.parser.Parser().parse_file(sys.argv[1]):
                if line.category == 'test':
                    said = sorted(line.yaml_block) if line.yaml_block else []
                    print(line.number, 'ok' if line.ok else 'not ok', 'skip' if line.skip else '-', said)
                elif line.category == 'plan':
                    print('plan', line.expected_tests)
                elif line.category == 'unknown':
                    print('unknown', repr(line))
                elif line.category == 'bail':
                    print('bail', line.reason)
                elif line.category == 'version':
                    print('version', line.version)
            """
        let all = try files(.tap)
        let expected = [
            "version 14", "plan 6", "1 ok - ['duration_ms']",
            "2 not ok - ['console', 'details', 'duration_ms', 'message', 'severity']",
            "3 ok - ['duration_ms', 'failed_before']",
            "4 not ok - ['duration_ms', 'failed_before', 'message', 'severity']", "5 ok skip []",
            "6 not ok - ['details', 'duration_ms', 'failed_before', 'message', 'severity']",
        ]
        let ended = try Checkers.python(script, [try #require(all.last)])
        #expect(ended.text.split(separator: "\n").map(String.init) == expected)
        let killed = try Checkers.python(script, [all[3]])
        #expect(killed.text.split(separator: "\n").map(String.init) == ["version 14", "plan 7"] + expected[2...4])
        #expect(try Checkers.python(script, [all[7]]).text.hasSuffix("\nbail ended by signal 15\n"))
    }
}
