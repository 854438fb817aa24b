/// The way from a vector's eventfd to the guest.
public enum MessageDelivery: String, Sendable {
    /// User space calls KVM_SIGNAL_MSI with the address and data that the guest programmed.
    case signal
    /// The kernel delivers through a GSI route and an irqfd; interrupts are not counted.
    case irqfd
}
