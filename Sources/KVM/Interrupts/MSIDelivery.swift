public import PCI

extension MSIMessage {
    /// The address's upper word in KVM's form: with 32-bit APIC ids bits 31:8 hold the id, and the others must be clear
    /// (api.rst 4.70). They are cleared here, since a guest may write them.
    var upperWord: UInt32 { UInt32(address >> 32) & 0xFFFF_FF00 }
}

/// The result of `VirtualMachine.signal`: the values that KVM_SIGNAL_MSI returns. Errors are thrown.
public enum MSIDelivery: Sendable {
    /// The kernel answered above zero: at least one local APIC took it.
    case delivered
    /// The kernel answered zero: the guest blocked it, for example by a disabled local APIC or a destination that
    /// doesn't exist.
    case blocked
}

/// An interrupt that user space sends to a guest.
public enum InterruptEvent: Sendable {
    case line(gsi: UInt32, level: Bool)
    /// The delivery is nil if the kernel refused the message; `source` names the sender, or is empty.
    case message(MSIMessage, MSIDelivery?, source: String)
}
