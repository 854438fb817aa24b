/// What a run is judged by on the guest's console, and what is typed there.
public struct ConsoleScript: Sendable, Equatable {
    /// What has to be seen, in any order: `--expect`.
    public var expectations: [RegularExpression]
    /// What ends the run as failed: `--fail-on`.
    public var failures: [RegularExpression]
    /// What is typed once something was seen: `--send`. Each is typed once; those with the same expression one after
    /// the other.
    public var answers: [ConsoleAnswer]
    /// Whether signs of a Linux kernel in distress end the run: `KernelDistress`.
    public var watchesKernel: Bool
    /// Whether the run ends when every expectation was seen. Otherwise the guest has to end by itself.
    public var endsWhenMet: Bool

    /// How many steps all expressions of a run may have, and how many expressions there may be. It bounds what a byte
    /// of the console can cost.
    static let (sizeLimit, countLimit) = (64_000, 2000)

    /// Written out, all expressions together.
    var size: Int { (expectations + failures + answers.map(\.expression)).reduce(0) { $0 + $1.size } }

    /// Why the expressions are too many, as a sentence; nil where they aren't.
    public var excess: String? {
        let count = expectations.count + failures.count + answers.count
        guard count <= Self.countLimit else {
            return "--expect, --fail-on and --send are given \(count) times, and a run takes \(Self.countLimit)"
        }
        guard size <= Self.sizeLimit else {
            return
                """
                the regular expressions are too large together: written out, their repetitions take \(size) steps, \
                and a run takes \(Self.sizeLimit)
                """
        }
        return nil
    }

    public init(
        expectations: [RegularExpression] = [], failures: [RegularExpression] = [], answers: [ConsoleAnswer] = [],
        watchesKernel: Bool = true,
        endsWhenMet: Bool = true
    ) {
        self.expectations = expectations
        self.failures = failures
        self.answers = answers
        self.watchesKernel = watchesKernel
        self.endsWhenMet = endsWhenMet
    }
}
