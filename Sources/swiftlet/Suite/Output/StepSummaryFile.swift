import Glibc
import LinuxSystem
import Scripting

/// The file that GitHub Actions shows on a job's page.
enum StepSummaryFile {
    /// Where its runner says it is.
    static let variable = "GITHUB_STEP_SUMMARY"

    /// Adds a suite's results to it, where there is one.
    /// - Returns: a sentence where it can't be written.
    static func append(_ name: String, _ results: [SuiteResult], because reason: String?) -> String? {
        guard let value = getenv(variable), value.pointee != 0 else { return nil }
        let path = String(cString: value)
        let text = StepSummary.markdown(
            name: name, summary: results.summaryLine, results.map(\.record), unfinished: reason)
        do throws(SystemCallError) {
            // Not to be waited for, should it be a pipe that nobody reads.
            let file = try Descriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY)
            _ = fcntl(file.raw, F_SETFL, O_APPEND)
            if let error = OutputStream.write(Array(text.utf8), to: file.raw) ?? OutputStream.closeError(of: file.raw) {
                throw error
            }
            return nil
        } catch {
            return "\(variable) names \(path), which can't be written: \(error.errno)"
        }
    }
}
