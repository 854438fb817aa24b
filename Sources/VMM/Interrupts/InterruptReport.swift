public import PCI

/// What became of a function's interrupts.
public struct InterruptReport: Sendable {
    /// INTx as the guest acknowledged it; nil where the function has no line. On a shared line: all of the line's
    /// acknowledgements.
    public var intx: InterruptCounts?
    /// Messages by vector, those that were ever unmasked; nil where the kernel delivers them by itself and nobody
    /// counts.
    public var messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)]

    public init(intx: InterruptCounts?, messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)]) {
        self.intx = intx
        self.messages = messages
    }
}
