import LinuxSystem
import Scripting

/// How a run ends that came to no verdict: by an error, by a signal, or by its time limit while it was opening, loading
/// or writing something.
struct EarlyEnd: Error, CustomStringConvertible {
    let ending: RunResult.Ending
    let outcome: String
    let status: Int32
    let sentence: String

    var description: String { sentence }

    /// - Parameter error: what the run ended with.
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

    /// Whether it may come when the verdict was told, and says that the verdict was not written.
    private static func isOfOutput(_ error: any Error) -> Bool { error is ReportError || error is RecordingError }

    /// - Throws: itself, where the process is to end.
    static func check() throws(EarlyEnd) {
        if let cause = EndingSignals.cause { throw EarlyEnd(cause) }
    }
}
