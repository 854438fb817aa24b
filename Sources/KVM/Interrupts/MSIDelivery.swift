public import PCI

extension MSIMessage {
    /// The address's upper word as KVM takes it: with 32-bit APIC ids bits 31:8 are the id's, and the others must be
    /// clear (api.rst 4.70), which no guest that writes them may make an error of ours.
    var upperWord: UInt32 { UInt32(address >> 32) & 0xFFFF_FF00 }
}

/// What became of a message given to `VirtualMachine.signal`: the answers of KVM_SIGNAL_MSI kept apart, errors
/// excepted, which throw.
public enum MSIDelivery: Sendable {
    /// The kernel answered above zero: at least one local APIC took it.
    case delivered
    /// The kernel answered zero: the guest blocked it, as by a disabled local APIC or a destination that doesn't exist.
    case blocked
}

/// An interrupt that user space gives a guest.
public enum InterruptEvent: Sendable {
    case line(gsi: UInt32, level: Bool)
    /// The delivery is nil where the kernel refused the message; `source` names who sent it, empty where nobody said.
    case message(MSIMessage, MSIDelivery?, source: String)
}
