/// Follows the guest's console during a run. Called from the run's main thread alone; times are seconds from the first
/// vCPU's start.
public protocol ConsoleWatch: AnyObject {
    /// Takes what the guest wrote: every byte, in order, also those that no reader takes. At once: looking at it is for
    /// `look`.
    func receive(_ bytes: [UInt8], at seconds: Double)
    /// Looks at what was taken, for a few hundredths of a second at most, and says what is to be done. Called after
    /// every `receive`, and at the time the last answer named: now, where it was not done with all.
    func look(at seconds: Double) -> ConsoleAction
    /// How many bytes more it can look at within a quarter of a second. The guest waits where it has written more than
    /// this.
    var room: Int { get }
    /// The run has ended, and nothing more comes. Looks at what is left.
    func close(at seconds: Double)
}

/// What a watch of the console asks for.
public struct ConsoleAction {
    /// Bytes for the guest's serial input.
    public var input: [UInt8]
    /// Ends the run with `Outcome.console`.
    public var endsRun: Bool
    /// Whether it ends because something went wrong, so that it matters where the guest is.
    public var isFailure: Bool
    /// When to look again, in seconds from the first vCPU's start; nil: not before the guest writes something.
    public var next: Double?

    public init(input: [UInt8] = [], endsRun: Bool = false, isFailure: Bool = false, next: Double? = nil) {
        self.input = input
        self.endsRun = endsRun
        self.isFailure = isFailure
        self.next = next
    }
}
