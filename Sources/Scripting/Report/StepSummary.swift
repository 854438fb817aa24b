/// A suite's results as GitHub shows them on a job's page: Markdown for the file that `GITHUB_STEP_SUMMARY` names.
public enum StepSummary {
    /// GitHub takes 1 MiB of a step, and shows nothing of more.
    static let testLimit = 100

    /// - Parameters:
    ///   - summary: the last line of the suite.
    ///   - unfinished: why the suite ended before its end; nil where it did not.
    public static func markdown(name: String, summary: String, _ records: [TestRecord], unfinished: String? = nil)
        -> String
    {
        var text = "### \(escaped(name))\n\n\(escaped(summary))\n"
        if let unfinished { text += "\n\(escaped(unfinished))\n" }
        let bad = records.compactMap { record -> (word: String, reason: String, record: TestRecord)? in
            switch record.outcome {
            case .failed(let reason): ("failed", reason, record)
            case .error(let reason): ("host error", reason, record)
            case .passed: record.isFlaky ? ("flaky", record.retried.last?.reason ?? "", record) : nil
            case .skipped: nil
            }
        }
        guard !bad.isEmpty else { return text + "\n" }
        text += "\n| | test | why | seconds |\n|---|---|---|---|\n"
        for (word, reason, record) in bad.prefix(testLimit) {
            text +=
                "| \(word) | \(escaped(record.name)) | \(escaped(reason)) | \(ReportText.seconds(record.seconds)) |\n"
        }
        if bad.count > testLimit { text += "\nand \(bad.count - testLimit) more\n" }
        return text + "\n"
    }

    /// Text that means nothing but itself, in a cell too. GitHub Flavored Markdown, sections 2.4 (any ASCII
    /// punctuation) and 4.10 (tables).
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in String(VisibleText.line(text).prefix(500)).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            // A name behind it would be called, a number be a link.
            case "@", "#": result += "&#\(scalar.value);"
            case "!"..."/", ":", ";", "=", "?", "["..."`", "{"..."~": result += "\\\(scalar)"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
