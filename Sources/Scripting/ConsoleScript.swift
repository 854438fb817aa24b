/// What a run is judged by on the guest's console, and what is typed there.
public struct ConsoleScript: Sendable, Equatable {
    /// What has to be seen, in any order: `--expect`.
    public var expectations: [RegularExpression]
    /// What ends the run as failed: `--fail-on`.
    public var failures: [RegularExpression]
    /// What is typed once something was seen: `--send`. Each is typed once; those with the same expression one after the other.
    public var answers: [ConsoleAnswer]
    /// Whether signs of a Linux kernel in distress end the run: `KernelDistress`.
    public var watchesKernel: Bool
    /// Whether the run ends when every expectation was seen. Otherwise the guest has to end by itself.
    public var endsWhenMet: Bool

    public init(
        expectations: [RegularExpression] = [], failures: [RegularExpression] = [], answers: [ConsoleAnswer] = [], watchesKernel: Bool = true,
        endsWhenMet: Bool = true
    ) {
        self.expectations = expectations
        self.failures = failures
        self.answers = answers
        self.watchesKernel = watchesKernel
        self.endsWhenMet = endsWhenMet
    }
}
