import CLinux
import Glibc
import LinuxSystem

/// A PCI function that KVM itself assigns to a guest: `KVM_ASSIGN_PCI_DEVICE` and related calls, Linux 2.6.28 to 4.11
/// with CONFIG_KVM_DEVICE_ASSIGNMENT (Documentation/virtual/kvm/api.txt of those kernels, 4.48 to 4.60 and what they
/// name).
///
/// Each method is one ioctl; the caller is responsible for their order. The kernel keeps the function until `deassign`
/// or until the virtual machine's descriptor is closed.
public struct PCIAssignment: Sendable {
    /// Flags of `assign` and `setINTxMask`.
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The function's DMA goes through the IOMMU and reaches only the guest's memory. Mandatory.
        /// KVM_DEV_ASSIGN_ENABLE_IOMMU.
        public static let enableIOMMU = Flags(rawValue: 1 << 0)
        /// KVM masks INTx by the function's own INTx-disable bit, so that the host's line may be shared.
        /// KVM_DEV_ASSIGN_PCI_2_3.
        public static let pci23 = Flags(rawValue: 1 << 1)
        /// The guest's INTx-disable bit is set. KVM_DEV_ASSIGN_MASK_INTX.
        public static let maskINTx = Flags(rawValue: 1 << 2)
    }

    /// The kind of interrupt at the host. The low byte of `kvm_assigned_irq.flags`.
    public enum HostInterrupt: UInt32, Sendable {
        case intx = 1, msi = 2, msix = 4
    }

    /// The kind of interrupt for the guest. The second byte.
    public enum GuestInterrupt: UInt32, Sendable {
        case intx = 0x100, msi = 0x200, msix = 0x400
    }

    /// The largest number of MSI-X entries that the kernel accepts: KVM_MAX_MSIX_PER_DEV.
    public static let messageLimit = 256

    /// The address in sysfs's form, for error messages.
    public let address: String
    /// The function's number in the kernel for this virtual machine: segment, bus, device and function combined.
    public let identifier: UInt32
    private let vm: VirtualMachine
    private let segment: UInt32
    private let bus: UInt32
    private let deviceFunction: UInt32

    /// Identifies a function; makes no call yet.
    /// - Parameters:
    ///   - deviceFunction: the device's number in bits 7:3, the function's in bits 2:0.
    public init(_ vm: VirtualMachine, address: String, segment: UInt16, bus: UInt8, deviceFunction: UInt8) {
        self.vm = vm
        self.address = address
        self.segment = UInt32(segment)
        self.bus = UInt32(bus)
        self.deviceFunction = UInt32(deviceFunction)
        identifier = UInt32(segment) << 16 | UInt32(bus) << 8 | UInt32(deviceFunction)
    }

    // MARK: The function

    /// Takes the function from the host, resets it, and puts it behind the IOMMU with all of the guest's memory mapped.
    /// KVM_ASSIGN_PCI_DEVICE.
    public func assign(_ flags: Flags) throws(PCIAssignmentError) {
        var argument = device(flags)
        try call(.assignPCIDevice, &argument)
    }

    /// Frees its interrupts, resets it, and returns it in its original state. KVM_DEASSIGN_PCI_DEVICE.
    public func deassign() throws(PCIAssignmentError) {
        var argument = device([])
        try call(.deassignPCIDevice, &argument)
    }

    /// Passes the guest's INTx-disable bit to KVM, before the physical COMMAND register is written.
    /// KVM_ASSIGN_SET_INTX_MASK, api.txt 4.60.
    /// - Parameter sharing: true if the function was assigned with `.pci23`. The document says that only the mask is
    ///   evaluated, but the kernel checks PCI_2_3 in this argument too (virt/kvm/assigned-dev.c,
    ///   kvm_vm_ioctl_set_pci_irq_mask): without it, it would enable a host interrupt that it never disabled.
    public func setINTxMask(_ masked: Bool, sharing: Bool) throws(PCIAssignmentError) {
        var flags: Flags = masked ? .maskINTx : []
        if sharing { flags.insert(.pci23) }
        var argument = device(flags)
        try call(.setINTxMask, &argument)
    }

    private func device(_ flags: Flags) -> cl_assigned_pci_dev {
        var argument = cl_assigned_pci_dev()
        argument.assigned_dev_id = identifier
        argument.busnr = bus
        argument.devfn = deviceFunction
        argument.flags = flags.rawValue
        argument.segnr = segment
        return argument
    }

    // MARK: Interrupts

    /// Requests the function's interrupt at the host and routes it to a GSI. KVM_ASSIGN_DEV_IRQ.
    /// - Parameter gsi: the guest's; for MSI-X each entry has its own.
    public func assignIRQ(_ host: HostInterrupt, _ guest: GuestInterrupt, gsi: UInt32 = 0) throws(PCIAssignmentError) {
        var argument = interrupt(host, guest, gsi)
        try call(.assignDeviceIRQ, &argument)
    }

    /// Undoes `assignIRQ` for host and guest. KVM_DEASSIGN_DEV_IRQ.
    /// - Returns: false if nothing was assigned (ENXIO).
    @discardableResult
    public func deassignIRQ(_ host: HostInterrupt, _ guest: GuestInterrupt) throws(PCIAssignmentError) -> Bool {
        var argument = interrupt(host, guest, 0)
        do throws(PCIAssignmentError) {
            try call(.deassignDeviceIRQ, &argument)
            return true
        } catch {
            guard error.error.errno.rawValue == ENXIO else { throw error }
            return false
        }
    }

    /// Sets the number of MSI-X entries: once before `assignIRQ`, and again only after `deassignIRQ`.
    /// KVM_ASSIGN_SET_MSIX_NR.
    /// - Parameter count: 1...`messageLimit`.
    public func setMessageCount(_ count: Int) throws(PCIAssignmentError) {
        var argument = cl_assigned_msix_nr()
        argument.assigned_dev_id = identifier
        argument.entry_nr = UInt16(clamping: count)
        try call(.setMessageCount, &argument)
    }

    /// Routes an entry of the function's MSI-X table to a GSI. KVM_ASSIGN_SET_MSIX_ENTRY.
    public func setMessageEntry(_ entry: Int, gsi: UInt32) throws(PCIAssignmentError) {
        var argument = cl_assigned_msix_entry()
        argument.assigned_dev_id = identifier
        argument.gsi = gsi
        argument.entry = UInt16(clamping: entry)
        try call(.setMessageEntry, &argument)
    }

    private func interrupt(_ host: HostInterrupt, _ guest: GuestInterrupt, _ gsi: UInt32) -> cl_assigned_irq {
        var argument = cl_assigned_irq()
        argument.assigned_dev_id = identifier
        argument.guest_irq = gsi
        argument.flags = host.rawValue | guest.rawValue
        return argument
    }

    private func call<Argument: BitwiseCopyable>(_ request: IoctlRequest, _ argument: inout Argument)
        throws(PCIAssignmentError)
    {
        do throws(SystemCallError) {
            try vm.descriptor.ioctl(request, &argument)
        } catch {
            throw PCIAssignmentError(error: SystemCallError(call: error.call, object: address, errno: error.errno))
        }
    }
}

extension IoctlRequest {
    static let assignPCIDevice = IoctlRequest(CL_KVM_ASSIGN_PCI_DEVICE, "KVM_ASSIGN_PCI_DEVICE")
    static let deassignPCIDevice = IoctlRequest(CL_KVM_DEASSIGN_PCI_DEVICE, "KVM_DEASSIGN_PCI_DEVICE")
    static let assignDeviceIRQ = IoctlRequest(CL_KVM_ASSIGN_DEV_IRQ, "KVM_ASSIGN_DEV_IRQ")
    static let deassignDeviceIRQ = IoctlRequest(CL_KVM_DEASSIGN_DEV_IRQ, "KVM_DEASSIGN_DEV_IRQ")
    static let setMessageCount = IoctlRequest(CL_KVM_ASSIGN_SET_MSIX_NR, "KVM_ASSIGN_SET_MSIX_NR")
    static let setMessageEntry = IoctlRequest(CL_KVM_ASSIGN_SET_MSIX_ENTRY, "KVM_ASSIGN_SET_MSIX_ENTRY")
    static let setINTxMask = IoctlRequest(CL_KVM_ASSIGN_SET_INTX_MASK, "KVM_ASSIGN_SET_INTX_MASK")
}
