import CSignals
import Glibc

/// A call that may wait for another process: a FIFO's other end, a pipe's reader, a child.
///
/// It is repeated when a signal interrupts it, unless that signal asks the process to end; the last message,
/// `EndingSignals.sentence`, then says what the process waited for.
public enum BlockingCall {
    public enum Activity: Sendable {
        case opening, reading, writing, waitingFor

        fileprivate var number: Int32 {
            switch self {
            case .opening: Int32(CS_OPENING)
            case .reading: Int32(CS_READING)
            case .writing: Int32(CS_WRITING)
            case .waitingFor: Int32(CS_WAITING_FOR)
            }
        }
    }

    /// The time in nanoseconds, after a request to end, in which a write may still complete.
    private static let writingTime: UInt64 = 400_000_000

    /// Makes a call, and repeats it if a signal interrupts it.
    /// - Parameters:
    ///   - object: a path, or words such as `standard output`.
    ///   - call: returns its result, or the negated errno.
    /// - Returns: the result of the call; `-EINTR` only if the process is to end.
    public static func make(_ activity: Activity, _ object: String, _ call: () -> Int) -> Int {
        cs_set_activity(activity.number, object)
        while true {
            let answer = call()
            guard answer == -Int(EINTR) else {
                cs_set_activity(Int32(CS_NOTHING), "")
                return answer
            }
            if cs_cause() != 0, activity != .writing || cs_since_cause() > writingTime {
                cs_keep_activity()
                return answer
            }
        }
    }

    /// Writes all bytes at the descriptor's position, as to a pipe.
    /// - Parameter object: a path, or words such as `standard output`.
    /// - Throws: `EIO` if nothing is accepted; `EINTR` if the process is to end.
    public static func write(_ bytes: UnsafeRawBufferPointer, to raw: Int32, _ object: String) throws(SystemCallError) {
        var done = 0
        while done < bytes.count {
            let count = make(.writing, object) {
                let count = Glibc.write(raw, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                guard count < 0 else { return count }
                guard errno == EAGAIN else { return -Int(errno) }
                // Another process, such as another job of the shell, has made it non-blocking.
                var entry = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
                return poll(&entry, 1, -1) < 0 ? -Int(errno) : -Int(EAGAIN)
            }
            if count == -Int(EAGAIN) { continue }
            guard count > 0 else {
                throw SystemCallError(
                    call: "write", object: object,
                    errno: .init(rawValue: count < 0 ? Int32(truncatingIfNeeded: -count) : EIO))
            }
            done += count
        }
    }

    /// Writes all bytes at the descriptor's position, as to a pipe.
    public static func write(_ bytes: [UInt8], to raw: Int32, _ object: String) throws(SystemCallError) {
        var failure: SystemCallError?
        bytes.withUnsafeBytes { buffer in
            do throws(SystemCallError) { try write(buffer, to: raw, object) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
