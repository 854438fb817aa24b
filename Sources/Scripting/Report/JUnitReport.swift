/// JUnit's XML.
///
/// There is no standard; this is the subset that its readers agree on: elements and attributes of Ant's `junit` task,
/// and the elements that Maven Surefire added for attempts (`flakyFailure`, `rerunFailure`, `flakyError`,
/// `rerunError`), which other readers ignore.
enum JUnitReport {
    /// - Parameters:
    ///   - cases: the results of `testCase` for finished tests.
    ///   - unfinished: the reason for fewer tests than planned; nil at a suite's end.
    static func document(name: String, counts: TestCounts, planned: Int, cases: String, unfinished: String?) -> String {
        let missing = unfinished == nil ? 0 : 1
        let errors = counts.errors + missing
        let numbers = #"tests="\#(counts.all + missing)" failures="\#(counts.failed)" errors="\#(errors)""#
        let attributes = #"name="\#(ReportText.xml(name))" \#(numbers) time="\#(ReportText.seconds(counts.seconds))""#
        var text = #"<?xml version="1.0" encoding="UTF-8"?>"# + "\n<testsuites \(attributes)>\n"
        // Schemas allow this attribute only here.
        text += "  <testsuite \(attributes) skipped=\"\(counts.skipped)\">\n"
        text += "    <properties>\n      <property name=\"planned\" value=\"\(planned)\"/>\n    </properties>\n" + cases
        if let unfinished {
            let message = ReportText.xml("\(unfinished): \(counts.all) of \(planned) tests are over")
            text +=
                """
                    <testcase \(identity("(suite)", suite: name, seconds: 0))>\n      <error \
                message=\"\(message)\" type=\"unfinished\"/>\n
                """
            text += "    </testcase>\n"
        }
        return text + "  </testsuite>\n</testsuites>\n"
    }

    static func testCase(_ record: TestRecord, suite: String) -> String {
        var text = "    <testcase \(identity(record.name, suite: suite, seconds: record.seconds))>\n"
        func element(_ name: String, _ message: String, type: String, lines: [String] = []) {
            text += "      <\(name) message=\"\(ReportText.xml(message))\" type=\"\(type)\""
            text += lines.isEmpty ? "/>\n" : ">\(ReportText.xmlLines(lines.joined(separator: "\n")))</\(name)>\n"
        }
        func attempts(_ failure: String, _ error: String) {
            for attempt in record.retried {
                element(attempt.isError ? error : failure, attempt.reason, type: attempt.isError ? "host" : "failed")
            }
        }
        switch record.outcome {
        case .passed:
            attempts("flakyFailure", "flakyError")
        case .failed(let reason):
            element("failure", reason, type: "failed", lines: [reason] + record.account)
            attempts("rerunFailure", "rerunError")
        case .error(let reason):
            element("error", reason, type: "host", lines: [reason] + record.account)
            attempts("rerunFailure", "rerunError")
        case .skipped(let reason): text += "      <skipped message=\"\(ReportText.xml(reason))\"/>\n"
        }
        // GitLab and Jenkins read a file named like this. A guest must not name one.
        let console = record.console.replacing("[[ATTACHMENT|", with: "[[ATTACHMENT |")
        let output = (record.log.map { "[[ATTACHMENT|\($0)]]\n" } ?? "") + console
        if !output.isEmpty { text += "      <system-out>\(ReportText.xmlLines(output))</system-out>\n" }
        return text + "    </testcase>\n"
    }

    private static func identity(_ name: String, suite: String, seconds: Double) -> String {
        """
        classname=\"\(ReportText.xml(suite))\" name=\"\(ReportText.xml(name))\" \
        time=\"\(ReportText.seconds(seconds))\"
        """
    }
}
