/// How the calls that came differ from a recording. Reads as one sentence that names the line.
public struct ReplayFailure: Error, Equatable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// A call came whose turn is later: calls were left out, or their order changed.
        case early
        /// The right call came with another argument.
        case changed
        /// A call came that the recording has nowhere from there on.
        case added
        /// A call came that is not in the recording, whose file had reached its limit by then.
        case cut
        /// The recording has calls that never came.
        case missing
    }

    public let kind: Kind
    /// The line that was due, counted from 1; the last one where none was left.
    public let line: Int
    public let description: String
}
