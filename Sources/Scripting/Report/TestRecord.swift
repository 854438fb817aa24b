/// The result of one test of a suite, for reports.
public struct TestRecord: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        case passed
        /// The guest failed: the reason, as a sentence.
        case failed(String)
        case skipped(String)
        /// The test could not be run, since the host failed: the reason. It says nothing about the guest.
        case error(String)
    }

    /// An earlier run of a test that was retried; it did not pass.
    public struct Attempt: Sendable, Equatable {
        public let reason: String
        public let seconds: Double
        /// True if the host failed, not the guest.
        public let isError: Bool

        public init(reason: String, seconds: Double, isError: Bool = false) {
            self.reason = reason
            self.seconds = seconds
            self.isError = isError
        }
    }

    /// Unique within its suite.
    public let name: String
    public let outcome: Outcome
    /// The duration of the last attempt.
    public let seconds: Double
    /// The attempts before the last one.
    public var retried: [Attempt]
    /// Lines about a failure: failures inside the test, how to repeat it.
    public var details: [String]
    /// The end of the guest's console. May contain any bytes.
    public var console: String
    /// The post-mortem, as lines.
    public var postMortem: [String]
    /// The path of the console's log; nil if it was not kept.
    public var log: String?

    public init(
        name: String, outcome: Outcome, seconds: Double, retried: [Attempt] = [], details: [String] = [],
        console: String = "", postMortem: [String] = [],
        log: String? = nil
    ) {
        self.name = name
        self.outcome = outcome
        self.seconds = seconds
        self.retried = retried
        self.details = details
        self.console = console
        self.postMortem = postMortem
        self.log = log
    }

    /// A failure's whole description as one text, since some readers show no other: GitLab shows only the contents of
    /// `<failure>`.
    var account: [String] {
        let lines = console.split(omittingEmptySubsequences: false) { $0.isNewline }
        let end = lines.last?.isEmpty == true ? lines.dropLast() : lines[...]
        let tail = end.suffix(Self.tailLimit).map(String.init)
        return details + postMortem + (tail.isEmpty ? [] : ["the end of its console:"] + tail)
    }

    /// The number of console lines in the description.
    private static let tailLimit = 30

    /// True if it passed after a failed attempt.
    public var isFlaky: Bool { outcome == .passed && !retried.isEmpty }
}

/// The numbers of tests by result.
public struct TestCounts: Sendable, Equatable {
    public private(set) var passed = 0
    public private(set) var failed = 0
    public private(set) var skipped = 0
    /// The number that could not be run.
    public private(set) var errors = 0
    /// The number of passed tests that had failed before.
    public private(set) var flaky = 0
    /// The duration of all attempts together.
    public private(set) var seconds = 0.0

    public init() {}

    public var all: Int { passed + failed + skipped + errors }

    public mutating func add(_ record: TestRecord) {
        switch record.outcome {
        case .passed: passed += 1
        case .failed: failed += 1
        case .skipped: skipped += 1
        case .error: errors += 1
        }
        if record.isFlaky { flaky += 1 }
        seconds += record.seconds + record.retried.reduce(0) { $0 + $1.seconds }
    }
}
