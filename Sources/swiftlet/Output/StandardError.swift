import LinuxSystem
import Scripting
import Synchronization

/// swiftlet's own words on standard error.
enum StandardError {
    private static let firstFailure = Atomic<Int32>(0)

    /// What the first line that could not be written failed with; nil where all were.
    static var failure: SystemCallError? {
        let number = firstFailure.load(ordering: .relaxed)
        return number == 0
            ? nil : SystemCallError(call: "write", object: "standard error", errno: .init(rawValue: number))
    }

    /// Says one line. Whatever a guest, a file or a name has brought into it is only shown: `VisibleText`.
    /// - Parameter name: who speaks, before a colon.
    static func say(_ text: String, as name: String = "swiftlet") {
        let line = Array("\(name): \(VisibleText.line(text))\n".utf8)
        // A write that fails once may be taken the next time, and the line is all that is told.
        for _ in 0..<3 {
            guard let failure = OutputStream.write(line, to: 2, "standard error") else { return }
            _ = firstFailure.compareExchange(expected: 0, desired: failure.errno.rawValue, ordering: .relaxed)
            if failure.errno == .interrupted { return }
        }
    }

    /// The status of a run whose sentence nobody can read: success must not be silent on a full disk. A reader that
    /// went away wanted no more. Where the time limit came while a line was being written, that is what ended the run.
    static func status(_ status: Int32) -> Int32 {
        if failure?.errno == .interrupted, EndingSignals.cause == .timeLimit { return ExitStatus.timeout }
        guard status == ExitStatus.passed, let failure, failure.errno != .brokenPipe else { return status }
        return ExitStatus.cannotCreate
    }
}
