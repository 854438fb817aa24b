/// What was found on a guest's console, and when.
public struct ConsoleFindings: Sendable, Equatable {
    /// Where an expression was seen.
    public struct Sighting: Sendable, Equatable {
        /// Seconds from the first vCPU's start, within a few milliseconds.
        public let seconds: Double
        /// The line on which it ended, without escape sequences. Of a very long one the end.
        public internal(set) var line: String
        let lineNumber: Int
    }

    /// What ended the run as failed.
    public struct Failure: Sendable, Equatable {
        public enum Cause: Sendable, Equatable {
            /// The place of one of the script's `failures`.
            case script(Int)
            /// The name of one of `KernelDistress.all`.
            case kernel(String, isPanic: Bool)
        }

        public let cause: Cause
        public internal(set) var sighting: Sighting
    }

    /// In the script's order; nil: not seen.
    public internal(set) var expectations: [Sighting?]
    /// In the script's order; nil: not seen, and so not typed.
    public internal(set) var answers: [Sighting?]
    /// The first failure.
    public internal(set) var failure: Failure?
    /// The kernel's panic, which may have followed another failure.
    public internal(set) var panic: Failure?

    public var areExpectationsMet: Bool { expectations.allSatisfy { $0 != nil } }
}
