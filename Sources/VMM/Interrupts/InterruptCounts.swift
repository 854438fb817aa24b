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
