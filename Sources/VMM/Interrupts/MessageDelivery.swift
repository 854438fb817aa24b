/// How messages get from a vector's eventfd to the guest.
public enum MessageDelivery: String, Sendable {
    /// Whoever sees the interrupt calls KVM_SIGNAL_MSI with the address and data that the guest programmed.
    case signal
    /// The kernel does it by itself through a GSI route and an irqfd; nobody counts.
    case irqfd
}
