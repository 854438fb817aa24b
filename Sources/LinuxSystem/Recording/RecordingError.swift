/// The reason why a recording is incomplete or can't be read.
public enum RecordingError: Error, Equatable, CustomStringConvertible {
    /// The file can't be created: wraps the error of `CallRecorder.init`.
    case notMade(String, OutputFileError)
    /// A write failed at some time in the run; the file ends there.
    case unwritten(String, SystemCallError)
    /// The file can't be read.
    case unreadable(String, SystemCallError)
    /// The file is larger than any recording that can be replayed.
    case tooLarge(String)
    /// The first line is not a recording's.
    case notARecording(String)
    /// A line, counted from 1, that the format doesn't have.
    case malformed(String, line: Int, reason: String)
    /// The last line, `end` and the number of calls, is missing.
    case cut(String, calls: Int)

    public var description: String {
        switch self {
        case .notMade(let path, let error): "the recording can't be written to \(path): \(error)"
        case .unwritten(let path, let error):
            """
            the recording \(path) is not whole (\(error.call): \(error.errno)): make room there, or record to \
            another file system, and run again
            """
        case .unreadable(let path, let error): "the recording \(path) can't be read (\(error.call): \(error.errno))"
        case .tooLarge(let path):
            """
            \(path) is larger than \(Recording.sizeLimit >> 20) MiB, the most that a recording may have: record a \
            shorter run
            """
        case .notARecording(let path):
            "\(path) is no recording that this version reads: its first line is not \"\(RecordingText.header)\""
        case .malformed(let path, let line, let reason): "\(path), line \(line): \(reason)"
        case .cut(let path, let calls):
            """
            the recording \(path) breaks off after \(calls) calls: its last line, \"end\" and their number, is \
            missing; record again
            """
        }
    }
}
