/// Changes what the guest writes to its console on the way out. Whoever watches the console sees what the guest wrote.
public protocol ConsoleFilter: AnyObject, Sendable {
    /// What is to be written for these bytes. Called in the console's order, from the run's main thread.
    func filter(_ bytes: [UInt8]) -> [UInt8]
    /// What is to be written at the console's end for bytes that were kept back.
    func finish() -> [UInt8]
}
