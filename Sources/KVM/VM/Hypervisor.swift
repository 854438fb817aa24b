import CLinux
import Glibc
public import LinuxSystem

/// A number of KVM_CHECK_EXTENSION; see the capability lines of Documentation/virt/kvm/api.rst.
public struct Capability: Sendable {
    let number: UInt
    /// The name in the kernel.
    public let name: StaticString

    /// KVM assigns PCI functions itself, by `PCIAssignment`. Linux 2.6.31 to 4.11.
    public static let assignDeviceIRQ = Capability(number: 29, name: "KVM_CAP_ASSIGN_DEV_IRQ")
    /// The host has an IOMMU that `PCIAssignment` can use.
    public static let iommu = Capability(number: 18, name: "KVM_CAP_IOMMU")
    /// Functions outside of segment 0 can be assigned.
    public static let pciSegment = Capability(number: 47, name: "KVM_CAP_PCI_SEGMENT")
    /// KVM_ASSIGN_SET_INTX_MASK, and host lines shared by assigned functions. Linux 3.4 to 4.11.
    public static let pci23 = Capability(number: 75, name: "KVM_CAP_PCI_2_3")
    /// The largest number of routes.
    public static let irqRouting = Capability(number: 25, name: "KVM_CAP_IRQ_ROUTING")
    public static let irqfdResample = Capability(number: 82, name: "KVM_CAP_IRQFD_RESAMPLE")
    public static let signalMSI = Capability(number: 77, name: "KVM_CAP_SIGNAL_MSI")
    public static let immediateExit = Capability(number: 136, name: "KVM_CAP_IMMEDIATE_EXIT")
    /// The registers that KVM can write to `kvm_run` at every exit: KVM_SYNC_X86_REGS and its like. Linux 4.17.
    public static let syncRegisters = Capability(number: 74, name: "KVM_CAP_SYNC_REGS")
    public static let maximumVCPUs = Capability(number: 66, name: "KVM_CAP_MAX_VCPUS")
    /// The first APIC id that a vCPU can't have.
    public static let maximumVCPUID = Capability(number: 128, name: "KVM_CAP_MAX_VCPU_ID")
    /// x2APIC ids of 32 bits in messages, and no broadcast by 255. Linux 4.8.
    public static let x2apicInterface = Capability(number: 129, name: "KVM_CAP_X2APIC_API")
    /// Extended control registers, KVM_GET_XCRS.
    public static let extendedControlRegisters = Capability(number: 56, name: "KVM_CAP_XCRS")
    /// The size of KVM_GET_XSAVE2's area; 0 if there is only the area of 4096 bytes. Asked of a virtual machine.
    public static let xsave2 = Capability(number: 208, name: "KVM_CAP_XSAVE2")
    public static let memorySlots = Capability(number: 10, name: "KVM_CAP_NR_MEMSLOTS")
}

/// The host's KVM, opened at `/dev/kvm`.
public struct Hypervisor: ~Copyable, Sendable {
    let descriptor: Descriptor

    /// Opens KVM and checks that it has the stable interface (KVM_GET_API_VERSION answers 12).
    /// - Throws: `KVMError.unavailable` or `.noPermission`, with a remedy.
    public init(path: String = "/dev/kvm", kernel: KernelInterface = .host) throws(KVMError) {
        let opened = try Self.open(path, kernel)
        let version = try KVMError.catching { () throws(SystemCallError) in try opened.ioctl(.getAPIVersion) }
        guard version == KVM_API_VERSION else { throw .version(Int(version)) }
        descriptor = opened
    }

    private static func open(_ path: String, _ kernel: KernelInterface) throws(KVMError) -> Descriptor {
        do {
            return try Descriptor(opening: path, kernel: kernel)
        } catch {
            switch error.errno.rawValue {
            case EACCES, EPERM: throw .noPermission(path)
            case ENOENT, ENXIO, ENODEV: throw .unavailable(path)
            default: throw .call(error)
            }
        }
    }

    /// Returns the host's value for a capability: zero if it lacks it.
    public func check(_ capability: Capability) -> Int {
        Int((try? descriptor.ioctl(.checkExtension, value: capability.number)) ?? 0)
    }

    /// Creates a virtual machine without memory, interrupt controllers or vCPUs. KVM_CREATE_VM, api.rst 4.2.
    public func makeVirtualMachine() throws(KVMError) -> VirtualMachine {
        try KVMError.catching { () throws(SystemCallError) in
            // KVM_CREATE_VM may answer EINTR when a signal comes while it starts its helper threads.
            let raw = try descriptor.ioctl(retryingOnInterrupt: .createVM)
            let vm = Descriptor(owning: raw, object: "virtual machine", kernel: descriptor.kernel)
            let mapSize = Int(try descriptor.ioctl(.getVCPUMapSize))
            return VirtualMachine(vm, vcpuMapSize: mapSize)
        }
    }

    /// Returns the CPUID leaves that this host can give a guest, including the processor's name.
    /// KVM_GET_SUPPORTED_CPUID, api.rst 4.46.
    public func supportedCPUID() throws(KVMError) -> CPUID {
        try KVMError.catching { () throws(SystemCallError) in
            var bytes = CPUID.emptyTable
            try descriptor.ioctl(.getSupportedCPUID, bytes: &bytes)
            var cpuid = CPUID(table: bytes)
            cpuid.fillIdentity()
            return cpuid
        }
    }
}
