/// What became of one test of a suite, as reports tell it.
public struct TestRecord: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        case passed
        /// Why, as a sentence.
        case failed(String)
        case skipped(String)
        /// Why it could not be tried: the host failed, and nothing was learnt about the guest.
        case error(String)
    }

    /// A run of the test before its last one. None of them passed, or there would have been no other.
    public struct Attempt: Sendable, Equatable {
        public let reason: String
        public let seconds: Double
        /// Whether the host failed, not the guest.
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
    /// How long the last attempt took.
    public let seconds: Double
    /// The attempts before the last one.
    public var retried: [Attempt]
    /// Lines about a failure: what failed within the test, how to repeat it.
    public var details: [String]
    /// The end of what the guest said. May hold anything.
    public var console: String
    /// Why the guest was where it was, a line each.
    public var postMortem: [String]
    /// Where the whole console is kept; nil where it is not.
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

    /// What there is to say of a failure in one text, since some readers show no other: GitLab shows only what stands
    /// in `<failure>`.
    var account: [String] {
        let lines = console.split(omittingEmptySubsequences: false) { $0.isNewline }
        let end = lines.last?.isEmpty == true ? lines.dropLast() : lines[...]
        let tail = end.suffix(Self.tailLimit).map(String.init)
        return details + postMortem + (tail.isEmpty ? [] : ["the end of its console:"] + tail)
    }

    /// So many lines of a console stand in its account.
    private static let tailLimit = 30

    /// Whether it passed only after it had failed.
    public var isFlaky: Bool { outcome == .passed && !retried.isEmpty }
}

/// How many tests ended how.
public struct TestCounts: Sendable, Equatable {
    public private(set) var passed = 0
    public private(set) var failed = 0
    public private(set) var skipped = 0
    /// How many could not be tried.
    public private(set) var errors = 0
    /// How many of those that passed had failed before.
    public private(set) var flaky = 0
    /// Of all attempts together.
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
