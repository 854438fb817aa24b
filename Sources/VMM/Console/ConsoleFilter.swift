/// A filter for the console's output. A `ConsoleWatch` sees the guest's original bytes.
public protocol ConsoleFilter: AnyObject, Sendable {
    /// Returns the output for these bytes. Called in the console's order, from the run's main thread.
    func filter(_ bytes: [UInt8]) -> [UInt8]
    /// Returns the output at the console's end for bytes that were held back.
    func finish() -> [UInt8]
}
