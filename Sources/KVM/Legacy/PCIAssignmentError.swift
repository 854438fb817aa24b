import Glibc
public import LinuxSystem

/// A failed assignment call of KVM, with the meaning of its errno: the same number means different things in different
/// calls (virt/kvm/assigned-dev.c and iommu.c of Linux 4.4).
public struct PCIAssignmentError: Error, Equatable, CustomStringConvertible {
    /// The call, the function's address and the errno.
    public let error: SystemCallError

    /// The owner of the function's ranges, as a sentence; nil if it was not looked up.
    public let holder: String?

    public init(error: SystemCallError, holder: String? = nil) {
        self.error = error
        self.holder = holder
    }

    /// True if another program has the function.
    public var isHeld: Bool { error.call == "KVM_ASSIGN_PCI_DEVICE" && number == EBUSY }

    /// The meaning of the errno in this call and the remedy; nil for an errno that the kernel's sources don't return.
    public var meaning: String? {
        if number == ENOTTY {
            return
                """
                this kernel's KVM has no such call: it came with Linux 2.6.28 (INTx masks 3.4) and went with 4.12; \
                use VFIO: backend=group
                """
        }
        return switch error.call {
        case "KVM_ASSIGN_PCI_DEVICE": assigning
        case "KVM_ASSIGN_DEV_IRQ": assigningIRQ
        case "KVM_DEASSIGN_DEV_IRQ": deassigningIRQ
        case "KVM_ASSIGN_SET_MSIX_NR": countingMessages
        case "KVM_ASSIGN_SET_MSIX_ENTRY": settingMessage
        case "KVM_ASSIGN_SET_INTX_MASK": number == ENODEV ? Self.unknown : nil
        case "KVM_DEASSIGN_PCI_DEVICE": number == EINVAL ? Self.unknown : nil
        default: nil
        }
    }

    private var number: Int32 { error.errno.rawValue }

    private static let unknown =
        "KVM does not know the function: it was never assigned to this virtual machine, or is no longer"

    private var assigning: String? {
        switch number {
        case EINVAL:
            """
            the host has no such function, or it shares its IOMMU group with others (swiftlet devices show \
            \(error.object) names them): \
            choose one that is alone in its group
            """
        case EEXIST: "it is assigned to this virtual machine already"
        case ENOMEM: "the host has no memory left to pin the guest's: give the guest less"
        case EPERM:
            """
            bridges and functions without memory or ports can't be assigned, and nothing can where the IOMMU does \
            not remap interrupts: boot the host with intremap=on, or, for a guest you trust, \
            echo 1 > /sys/module/kvm/parameters/allow_unsafe_assigned_interrupts
            """
        case ENOENT, EACCES:
            """
            reading and writing its ranges must be allowed: run as root, or chown \"$USER\" \
            /sys/bus/pci/devices/\(error.object)/resource*
            """
        case EBUSY:
            holder
                ?? "another virtual machine has it, which must end first, or a driver of the host holds its ranges: "
                + "swiftlet devices bind --driver pci-stub \(error.object)"
        case ENODEV:
            "the host's IOMMU is off: boot the host with intel_iommu=on or amd_iommu=on, and enable it in the firmware"
        default: nil
        }
    }

    private var assigningIRQ: String? {
        switch number {
        case EINVAL:
            "the virtual machine has no interrupt controllers in the kernel, or MSI-X entries were not counted before"
        case ENODEV: Self.unknown
        case EEXIST: "its interrupt is assigned already: KVM_DEASSIGN_DEV_IRQ comes first"
        case EIO:
            """
            the host can't take its interrupt: another driver holds the line and one of the two can't share it; \
            unload that driver, or have the guest use MSI
            """
        case ENOSPC:
            """
            the host has fewer interrupt vectors left than its MSI-X table wants: unload drivers that take many, \
            or pass fewer vectors
            """
        case ENOMEM: "the host is out of memory"
        case EOPNOTSUPP: "this kernel wants KVM_ASSIGN_IRQ in its place: it is older than Linux 2.6.31"
        default: nil
        }
    }

    private var deassigningIRQ: String? {
        switch number {
        case ENODEV: Self.unknown
        case EINVAL: "the virtual machine has no interrupt controllers in the kernel"
        case ENXIO: "no interrupt of it was assigned"
        default: nil
        }
    }

    private var countingMessages: String? {
        switch number {
        case EINVAL:
            """
            KVM does not know the function, or its MSI-X entries were counted before and not given back, or they \
            are none or more than \(PCIAssignment.messageLimit)
            """
        case ENOMEM: "the host is out of memory"
        default: nil
        }
    }

    private var settingMessage: String? {
        switch number {
        case EINVAL: Self.unknown
        case ENOSPC: "more MSI-X entries were set than were counted with KVM_ASSIGN_SET_MSIX_NR"
        default: nil
        }
    }

    public var description: String {
        meaning.map { "\(error.call) on \(error.object): \($0) (\(error.errno))" } ?? "\(error)"
    }
}
