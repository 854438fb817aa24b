/// The counts of one interrupt source's interrupts, by result.
public struct InterruptCounts: Sendable, Equatable {
    /// The guest's interrupt controller accepted it.
    public var delivered: UInt64 = 0
    /// KVM_SIGNAL_MSI returned 0: no local APIC of the guest accepted it.
    public var blocked: UInt64 = 0
    /// The host refused to deliver it.
    public var failed: UInt64 = 0
    /// It came while its vector was masked and was held back until the unmask.
    public var held: UInt64 = 0

    public init() {}
}
