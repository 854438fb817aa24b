/// The matches on a guest's console, and their times.
public struct ConsoleFindings: Sendable, Equatable {
    /// The place and time of a match.
    public struct Sighting: Sendable, Equatable {
        /// Seconds from the first vCPU's start, within a few milliseconds.
        public let seconds: Double
        /// The line on which the match ended, without escape sequences. Of a very long line only the end.
        public internal(set) var line: String
        let lineNumber: Int
    }

    /// The match that ended the run as failed.
    public struct Failure: Sendable, Equatable {
        public enum Cause: Sendable, Equatable {
            /// The index in the script's `failures`.
            case script(Int)
            /// The name of a sign in `KernelDistress.all`.
            case kernel(String, isPanic: Bool)
        }

        public let cause: Cause
        public internal(set) var sighting: Sighting
    }

    /// In the script's order; nil for an expression not seen.
    public internal(set) var expectations: [Sighting?]
    /// In the script's order; nil for an answer not typed, since its expression was not seen.
    public internal(set) var answers: [Sighting?]
    /// The first failure.
    public internal(set) var failure: Failure?
    /// The kernel's panic, which may have followed another failure.
    public internal(set) var panic: Failure?

    public var areExpectationsMet: Bool { expectations.allSatisfy { $0 != nil } }
}
