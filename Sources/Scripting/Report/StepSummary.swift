/// A suite's results for a job's page on GitHub: Markdown for the file that `GITHUB_STEP_SUMMARY` names.
public enum StepSummary {
    /// The largest number of tests shown: GitHub accepts 1 MiB per step, and shows nothing of a larger text.
    static let testLimit = 100

    /// - Parameters:
    ///   - summary: the last line of the suite.
    ///   - unfinished: the reason why the suite ended early; nil if it did not.
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

    /// Escapes text so that it has no special meaning, even in a cell. GitHub Flavored Markdown, sections 2.4 (any
    /// ASCII punctuation) and 4.10 (tables).
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in String(VisibleText.line(text).prefix(500)).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            // A name after "@" would be notified, a number after "#" would become a link.
            case "@", "#": result += "&#\(scalar.value);"
            case "!"..."/", ":", ";", "=", "?", "["..."`", "{"..."~": result += "\\\(scalar)"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
