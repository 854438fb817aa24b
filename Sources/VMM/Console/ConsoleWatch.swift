/// Observes the guest's console during a run. Only the run's main thread calls it; times are seconds from the first
/// vCPU's start.
public protocol ConsoleWatch: AnyObject {
    /// Receives every byte that the guest wrote, in order, even those that no reader accepts. Must return at once: the
    /// analysis is done in `look`.
    func receive(_ bytes: [UInt8], at seconds: Double)
    /// Analyses received bytes, for a few hundredths of a second at most, and returns the next action. Called after
    /// every `receive`, and at the time of the last answer's `next`, which is now if bytes are left.
    func look(at seconds: Double) -> ConsoleAction
    /// The number of further bytes that it can analyse within a quarter of a second. The guest waits if it has written
    /// more.
    var room: Int { get }
    /// Ends the console: no more bytes come. Analyses the rest.
    func close(at seconds: Double)
}

/// The action that a watch requests.
public struct ConsoleAction {
    /// Bytes for the guest's serial input.
    public var input: [UInt8]
    /// Ends the run with `Outcome.console`.
    public var endsRun: Bool
    /// True if it ends because of a failure, so that the guest's position matters.
    public var isFailure: Bool
    /// The time of the next `look`, in seconds from the first vCPU's start; nil: when the guest writes something.
    public var next: Double?

    public init(input: [UInt8] = [], endsRun: Bool = false, isFailure: Bool = false, next: Double? = nil) {
        self.input = input
        self.endsRun = endsRun
        self.isFailure = isFailure
        self.next = next
    }
}
