public import PCI

/// What became of one interrupt source's interrupts.
public struct InterruptCounts: Sendable, Equatable {
    /// The guest's interrupt controller took it.
    public var delivered: UInt64 = 0
    /// KVM_SIGNAL_MSI answered 0: the guest had no taker for it.
    public var blocked: UInt64 = 0
    /// The host refused to deliver it.
    public var failed: UInt64 = 0
    /// It came while its vector was masked and was held back until the unmask.
    public var held: UInt64 = 0

    public init() {}
}

/// What became of a passed-through function's interrupts.
public struct InterruptReport: Sendable {
    /// INTx as the guest acknowledged it; nil where the function has no line. On a shared line: all of the line's acknowledgements.
    public var intx: InterruptCounts?
    /// Messages by vector, those that were ever unmasked; nil where the kernel delivers them by itself and nobody counts.
    public var messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)]

    public init(intx: InterruptCounts?, messages: [(vector: Int, kind: MessageKind, counts: InterruptCounts?)]) {
        self.intx = intx
        self.messages = messages
    }
}
