import LinuxSystem
import Scripting
import Synchronization

/// swiftlet's own messages on standard error.
enum StandardError {
    private static let firstFailure = Atomic<Int32>(0)

    /// The error of the first line that could not be written; nil if all were.
    static var failure: SystemCallError? {
        let number = firstFailure.load(ordering: .relaxed)
        return number == 0
            ? nil : SystemCallError(call: "write", object: "standard error", errno: .init(rawValue: number))
    }

    /// Prints one line. Text from a guest, a file or a name is made visible: `VisibleText`.
    /// - Parameter name: the speaker's name, before a colon.
    static func say(_ text: String, as name: String = "swiftlet") {
        let line = Array("\(name): \(VisibleText.line(text))\n".utf8)
        // A second write may succeed, and this line is the only message.
        for _ in 0..<3 {
            guard let failure = OutputStream.write(line, to: 2, "standard error") else { return }
            _ = firstFailure.compareExchange(expected: 0, desired: failure.errno.rawValue, ordering: .relaxed)
            if failure.errno == .interrupted { return }
        }
    }

    /// Returns the status of a run whose last line nobody can read: success must not be silent on a full disk. A reader
    /// that went away is no error. If the time limit came while a line was being written, it decides.
    static func status(_ status: Int32) -> Int32 {
        if failure?.errno == .interrupted, EndingSignals.cause == .timeLimit { return ExitStatus.timeout }
        guard status == ExitStatus.passed, let failure, failure.errno != .brokenPipe else { return status }
        return ExitStatus.cannotCreate
    }
}
