/// A format in which a suite's results are reported.
public enum SuiteReportFormat: String, Sendable, CaseIterable {
    /// The XML of Ant's JUnit task, which Jenkins, GitLab and others read.
    case junit
    /// The Test Anything Protocol, version 14.
    case tap
    /// A JSON object per line.
    case jsonl
}

/// A change to a report's file.
public enum SuiteReportChange: Sendable, Equatable {
    /// Append these bytes.
    case append([UInt8])
    /// Replace the whole contents with these bytes.
    case replace([UInt8])
}

/// A suite's report, updated as tests end.
///
/// After each change the file is a valid report of the finished tests, even if the suite is killed. Such a report
/// differs from a complete one: JUnit's then has a test in error, `(suite)`; TAP's has fewer tests than its plan;
/// JSON's has no `end`.
public struct SuiteReport: Sendable {
    private let name: String
    private let planned: Int
    private let format: SuiteReportFormat
    private var counts = TestCounts()
    /// JUnit's tests so far, as text, since its counts come first and its end last.
    private var cases = ""

    /// - Parameters:
    ///   - name: the suite's.
    ///   - planned: the number of tests, including skipped ones.
    public init(_ format: SuiteReportFormat, name: String, planned: Int) {
        self.format = format
        self.name = name
        self.planned = planned
    }

    /// Begins the report, before the first test.
    public func begin() -> SuiteReportChange {
        switch format {
        case .junit: .replace(Array(junit(ended: false).utf8))
        case .tap: .append(Array(TAPReport.opening(planned: planned).utf8))
        case .jsonl: .append(Array(JSONLinesReport.opening(name: name, planned: planned).utf8))
        }
    }

    /// Adds a finished test.
    public mutating func add(_ record: TestRecord) -> SuiteReportChange {
        counts.add(record)
        switch format {
        case .junit:
            cases += JUnitReport.testCase(record, suite: name)
            return .replace(Array(junit(ended: false).utf8))
        case .tap: return .append(Array(TAPReport.test(record, number: counts.all).utf8))
        case .jsonl: return .append(Array(JSONLinesReport.test(record).utf8))
        }
    }

    /// Ends the report.
    /// - Parameter reason: the reason for an early end; nil if all tests are finished.
    public func end(because reason: String? = nil) -> SuiteReportChange {
        switch format {
        case .junit: .replace(Array(junit(ended: reason == nil, because: reason).utf8))
        case .tap: .append(reason.map { Array("Bail out! \(ReportText.tap($0))\n".utf8) } ?? [])
        case .jsonl: .append(Array(JSONLinesReport.closing(counts, planned: planned, because: reason).utf8))
        }
    }

    /// Returns a complete report of finished tests.
    public static func whole(_ format: SuiteReportFormat, name: String, _ records: [TestRecord]) -> [UInt8] {
        var report = SuiteReport(format, name: name, planned: records.count)
        var changes = [report.begin()]
        for record in records { changes.append(report.add(record)) }
        var file: [UInt8] = []
        for change in changes + [report.end()] {
            switch change {
            case .append(let bytes): file += bytes
            case .replace(let bytes): file = bytes
            }
        }
        return file
    }

    private func junit(ended: Bool, because reason: String? = nil) -> String {
        JUnitReport.document(
            name: name, counts: counts, planned: planned, cases: cases,
            unfinished: ended ? nil : reason ?? "the suite did not come to its end")
    }
}
