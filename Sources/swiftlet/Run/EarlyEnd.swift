import LinuxSystem
import Scripting

/// The end of a run without a verdict: by an error, by a signal, or by its time limit while it was opening, loading or
/// writing a file.
struct EarlyEnd: Error, CustomStringConvertible {
    let ending: RunResult.Ending
    let outcome: String
    let status: Int32
    let sentence: String

    var description: String { sentence }

    /// - Parameter error: the error that ended the run.
    init(_ error: any Error) {
        if let end = error as? EarlyEnd {
            self = end
        } else if let cause = EndingSignals.cause,
            cause != .timeLimit || EndingSignals.isInterrupted || !Self.isOfOutput(error)
        {
            self.init(cause)
        } else {
            self.init(
                .notStarted, "not-started", status: ExitStatus.of(error),
                sentence: "\(error)\(NearFile.hint(for: error))")
        }
    }

    private init(_ ending: RunResult.Ending, _ outcome: String, status: Int32, sentence: String) {
        (self.ending, self.outcome, self.status, self.sentence) = (ending, outcome, status, sentence)
    }

    private init(_ cause: EndingSignals.Cause) {
        switch cause {
        case .signal(let signal):
            self.init(.interrupted, "interrupted", status: 128 + signal, sentence: EndingSignals.sentence)
        case .timeLimit: self.init(.notStarted, "timeout", status: ExitStatus.timeout, sentence: EndingSignals.sentence)
        }
    }

    /// Returns true for an error that may come after the verdict was printed, and that says that it was not written.
    private static func isOfOutput(_ error: any Error) -> Bool { error is ReportError || error is RecordingError }

    /// - Throws: itself, if the process is to end.
    static func check() throws(EarlyEnd) {
        if let cause = EndingSignals.cause { throw EarlyEnd(cause) }
    }
}
