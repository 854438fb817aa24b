/// A format in which a suite's results are reported.
public enum SuiteReportFormat: String, Sendable, CaseIterable {
    /// The XML that Ant's JUnit task began with, as Jenkins, GitLab and others read it.
    case junit
    /// The Test Anything Protocol, version 14.
    case tap
    /// An object of JSON a line.
    case jsonl
}

/// What a report's file is to become.
public enum SuiteReportChange: Sendable, Equatable {
    /// These bytes come behind what is there.
    case append([UInt8])
    /// These bytes take the place of all that is there.
    case replace([UInt8])
}

/// A suite's report, told of the tests as they end.
///
/// After each change the file is a valid report of the tests that are over: a suite that is killed leaves it so. Such a
/// report doesn't look like that of a suite that came to its end: JUnit's then has a test in error, `(suite)`; TAP's
/// has fewer tests than its plan; JSON's has no `end`.
public struct SuiteReport: Sendable {
    private let name: String
    private let planned: Int
    private let format: SuiteReportFormat
    private var counts = TestCounts()
    /// JUnit's tests so far, as text, since its counts come first and its end last.
    private var cases = ""

    /// - Parameters:
    ///   - name: the suite's.
    ///   - planned: how many tests it has, skipped ones too.
    public init(_ format: SuiteReportFormat, name: String, planned: Int) {
        self.format = format
        self.name = name
        self.planned = planned
    }

    /// Before the first test.
    public func begin() -> SuiteReportChange {
        switch format {
        case .junit: .replace(Array(junit(ended: false).utf8))
        case .tap: .append(Array(TAPReport.opening(planned: planned).utf8))
        case .jsonl: .append(Array(JSONLinesReport.opening(name: name, planned: planned).utf8))
        }
    }

    /// A test is over.
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

    /// All are over, or the suite ends before them.
    /// - Parameter reason: why it ends before; nil where it does not.
    public func end(because reason: String? = nil) -> SuiteReportChange {
        switch format {
        case .junit: .replace(Array(junit(ended: reason == nil, because: reason).utf8))
        case .tap: .append(reason.map { Array("Bail out! \(ReportText.tap($0))\n".utf8) } ?? [])
        case .jsonl: .append(Array(JSONLinesReport.closing(counts, planned: planned, because: reason).utf8))
        }
    }

    /// A report of tests that are all over.
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
