/// A JSON object per line: `suite` first, one `test` each, `end` last.
enum JSONLinesReport {
    static func opening(name: String, planned: Int) -> String {
        "{\"event\":\"suite\",\"format\":1,\"name\":\(ReportText.json(name)),\"planned\":\(planned)}\n"
    }

    static func test(_ record: TestRecord) -> String {
        let (outcome, reason): (String, String?) =
            switch record.outcome {
            case .passed: ("passed", nil)
            case .failed(let reason): ("failed", reason)
            case .skipped(let reason): ("skipped", reason)
            case .error(let reason): ("error", reason)
            }
        let attempts = record.retried.map {
            """
            {\"reason\":\(ReportText.json($0.reason)),\"seconds\":\(ReportText.seconds($0.seconds)),\
            \"error\":\($0.isError)}
            """
        }
        let members = [
            "\"event\":\"test\"", "\"name\":\(ReportText.json(record.name))", "\"outcome\":\"\(outcome)\"",
            "\"reason\":\(reason.map(ReportText.json) ?? "null")", "\"seconds\":\(ReportText.seconds(record.seconds))",
            "\"flaky\":\(record.isFlaky)", "\"failed_before\":[\(attempts.joined(separator: ","))]",
            "\"details\":[\(record.details.map(ReportText.json).joined(separator: ","))]",
            "\"console\":\(ReportText.json(record.console))",
            "\"post_mortem\":[\(record.postMortem.map(ReportText.json).joined(separator: ","))]",
            "\"log\":\(record.log.map(ReportText.json) ?? "null")",
        ]
        return "{\(members.joined(separator: ","))}\n"
    }

    static func closing(_ counts: TestCounts, planned: Int, because reason: String?) -> String {
        let members = [
            "\"event\":\"end\"", "\"planned\":\(planned)", "\"passed\":\(counts.passed)", "\"failed\":\(counts.failed)",
            "\"skipped\":\(counts.skipped)", "\"errors\":\(counts.errors)", "\"flaky\":\(counts.flaky)",
            "\"seconds\":\(ReportText.seconds(counts.seconds))",
            "\"unfinished\":\(reason.map(ReportText.json) ?? "null")",
        ]
        return "{\(members.joined(separator: ","))}\n"
    }
}
