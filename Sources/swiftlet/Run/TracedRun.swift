import LinuxSystem
import SystemPackage
import VMM

/// The trace of `--trace FILE`: docs/trace.md.
final class TracedRun {
    /// The trace's file can't be created.
    struct Failure: OutputFailure, CustomStringConvertible {
        let description: String
        let errno: Errno?
    }

    let trace: Trace
    private let path: String
    private var boots = 0

    /// nil if no trace was requested.
    init?(_ request: RunRequest) throws(Failure) {
        guard let path = request.trace else { return nil }
        self.path = path
        do throws(OutputFileError) {
            trace = try Trace(
                path: path, title: request.image, limit: OutputLimits.limit(request.fileLimit, or: .trace))
        } catch {
            throw Failure(description: "the trace can't be written to \(path): \(error)", errno: error.errno)
        }
    }

    func begin() -> UInt64 { MonotonicClock.now }

    func beginBoot() -> UInt64 {
        boots += 1
        if boots > 1 { trace.moment("boot \(boots)") }
        return begin()
    }

    func end(_ name: StaticString, _ start: UInt64?) {
        if let start { trace.phase(name, since: start) }
    }

    /// Ends the trace with the run's result, and reports dropped events on standard error.
    func finish(_ sentence: String, notice: (String) -> Void) -> Trace.Summary {
        let summary = trace.finish(saying: sentence)
        if summary.dropped > 0 {
            notice(
                """
                \(summary.dropped) events are missing in the trace \(path): they came faster than they could be \
                written
                """
            )
        }
        if let failure = summary.failure { notice("the trace \(path) is cut off: \(failure.errno)") }
        return summary
    }

    /// The file, if its limit cut it.
    func cut(_ summary: Trace.Summary) -> CutFile? {
        summary.missing > 0
            ? CutFile(name: "the trace \(path)", limit: trace.limit, missing: summary.missing, unit: "event") : nil
    }

    deinit {
        // For a run without a verdict.
        _ = trace.finish()
    }
}
