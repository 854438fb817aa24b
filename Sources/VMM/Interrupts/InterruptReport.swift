public import PCI

/// The counts of a function's interrupts.
public struct InterruptReport: Sendable {
    /// INTx by the guest's acknowledgements; nil if the function has no line. On a shared line: all of the line's
    /// acknowledgements.
    public var intx: InterruptCounts?
    /// Messages by vector, for those that were ever unmasked; nil if the kernel delivers them, which can't be counted.
    public var messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)]

    public init(intx: InterruptCounts?, messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)]) {
        self.intx = intx
        self.messages = messages
    }
}
