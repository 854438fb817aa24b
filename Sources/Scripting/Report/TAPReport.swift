/// The Test Anything Protocol, version 14 (testanything.org/tap-version-14-specification.html).
enum TAPReport {
    static func opening(planned: Int) -> String {
        "TAP version 14\n1..\(planned)" + (planned == 0 ? " # SKIP there is no test\n" : "\n")
    }

    /// - Parameter number: counted from 1 in the order in which tests end.
    static func test(_ record: TestRecord, number: Int) -> String {
        var lines: [String] = []
        func appendList(_ key: String, _ texts: [String]) {
            lines.append("  \(key):")
            lines += texts.map { "    - \(ReportText.yaml($0))" }
        }
        let name = ReportText.tap(record.name)
        switch record.outcome {
        case .passed: lines.append("ok \(number) - \(name)")
        case .failed: lines.append("not ok \(number) - \(name)")
        // The protocol has no errors: the test is not ok, with a directive of our own that readers display as text.
        case .error(let reason): lines.append("not ok \(number) - \(name) # ERROR \(ReportText.tap(reason))")
        case .skipped(let reason): return "ok \(number) - \(name) # SKIP \(ReportText.tap(reason))\n"
        }
        lines.append("  ---")
        switch record.outcome {
        case .failed(let reason): lines += ["  message: \(ReportText.yaml(reason))", "  severity: fail"]
        case .error(let reason): lines += ["  message: \(ReportText.yaml(reason))", "  severity: error"]
        case .passed, .skipped: break
        }
        lines.append("  duration_ms: \(Int((record.seconds * 1000).rounded()))")
        if !record.retried.isEmpty { appendList("failed_before", record.retried.map(\.reason)) }
        if !record.details.isEmpty { appendList("details", record.details) }
        if !record.postMortem.isEmpty { appendList("post_mortem", record.postMortem) }
        if let log = record.log { lines.append("  log: \(ReportText.yaml(log))") }
        if !record.console.isEmpty, record.outcome != .passed {
            appendList(
                "console",
                record.console.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init))
        }
        return (lines + ["  ..."]).joined(separator: "\n") + "\n"
    }
}
