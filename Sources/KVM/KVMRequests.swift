import CLinux
import LinuxSystem

/// The ioctls of Documentation/virt/kvm/api.rst that this house makes, each under its name there.
extension IoctlRequest {
    static let getAPIVersion = IoctlRequest(CL_KVM_GET_API_VERSION, "KVM_GET_API_VERSION")
    static let createVM = IoctlRequest(CL_KVM_CREATE_VM, "KVM_CREATE_VM")
    static let checkExtension = IoctlRequest(CL_KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION")
    static let getVCPUMapSize = IoctlRequest(CL_KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE")
    static let getSupportedCPUID = IoctlRequest(CL_KVM_GET_SUPPORTED_CPUID, "KVM_GET_SUPPORTED_CPUID")
    static let createVCPU = IoctlRequest(CL_KVM_CREATE_VCPU, "KVM_CREATE_VCPU")
    static let setUserMemoryRegion = IoctlRequest(CL_KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION")
    static let setTSSAddress = IoctlRequest(CL_KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR")
    static let setIdentityMapAddress = IoctlRequest(CL_KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR")
    static let createIRQChip = IoctlRequest(CL_KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP")
    static let createPIT2 = IoctlRequest(CL_KVM_CREATE_PIT2, "KVM_CREATE_PIT2")
    static let irqLine = IoctlRequest(CL_KVM_IRQ_LINE, "KVM_IRQ_LINE")
    static let setGSIRouting = IoctlRequest(CL_KVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING")
    static let irqfd = IoctlRequest(CL_KVM_IRQFD, "KVM_IRQFD")
    static let ioeventfd = IoctlRequest(CL_KVM_IOEVENTFD, "KVM_IOEVENTFD")
    static let signalMSI = IoctlRequest(CL_KVM_SIGNAL_MSI, "KVM_SIGNAL_MSI")
    static let createDevice = IoctlRequest(CL_KVM_CREATE_DEVICE, "KVM_CREATE_DEVICE")
    static let setDeviceAttribute = IoctlRequest(CL_KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR")
    static let getDeviceAttribute = IoctlRequest(CL_KVM_GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR")
    static let hasDeviceAttribute = IoctlRequest(CL_KVM_HAS_DEVICE_ATTR, "KVM_HAS_DEVICE_ATTR")
    static let getRegisters = IoctlRequest(CL_KVM_GET_REGS, "KVM_GET_REGS")
    static let setRegisters = IoctlRequest(CL_KVM_SET_REGS, "KVM_SET_REGS")
    static let getSpecialRegisters = IoctlRequest(CL_KVM_GET_SREGS, "KVM_GET_SREGS")
    static let setSpecialRegisters = IoctlRequest(CL_KVM_SET_SREGS, "KVM_SET_SREGS")
    static let setCPUID = IoctlRequest(CL_KVM_SET_CPUID2, "KVM_SET_CPUID2")
    static let getMPState = IoctlRequest(CL_KVM_GET_MP_STATE, "KVM_GET_MP_STATE")
    static let getLAPIC = IoctlRequest(CL_KVM_GET_LAPIC, "KVM_GET_LAPIC")
    static let setLAPIC = IoctlRequest(CL_KVM_SET_LAPIC, "KVM_SET_LAPIC")
}
