import Glibc
import LinuxSystem
import Scripting

/// The file that GitHub Actions shows on a job's page.
enum StepSummaryFile {
    /// The variable in which its runner gives the path.
    static let variable = "GITHUB_STEP_SUMMARY"

    /// Adds a suite's results to the file, if there is one.
    /// - Returns: a sentence if it can't be written.
    static func append(_ name: String, _ results: [SuiteResult], because reason: String?) -> String? {
        guard let value = getenv(variable), value.pointee != 0 else { return nil }
        let path = String(cString: value)
        let text = StepSummary.markdown(
            name: name, summary: results.summaryLine, results.map(\.record), unfinished: reason)
        do throws(SystemCallError) {
            // Non-blocking, in case it is a pipe without a reader.
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
