/// The expressions that decide a run by the guest's console, and the texts to type there.
public struct ConsoleScript: Sendable, Equatable {
    /// Expressions that must be seen, in any order: `--expect`.
    public var expectations: [RegularExpression]
    /// Expressions that end the run as failed: `--fail-on`.
    public var failures: [RegularExpression]
    /// Texts to type after an expression was seen: `--send`. Each is typed once; those with the same expression in
    /// order.
    public var answers: [ConsoleAnswer]
    /// True if signs of a Linux kernel in distress end the run: `KernelDistress`.
    public var watchesKernel: Bool
    /// True if the run ends when every expectation was seen. Otherwise the guest must end it.
    public var endsWhenMet: Bool

    /// The largest number of steps of all expressions of a run, and of expressions. They bound the cost of a byte of
    /// the console.
    static let (sizeLimit, countLimit) = (64_000, 2000)

    /// The number of steps of all expressions together.
    var size: Int { (expectations + failures + answers.map(\.expression)).reduce(0) { $0 + $1.size } }

    /// The reason why there are too many expressions, as a sentence; nil if there are not.
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
