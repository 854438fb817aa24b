import Glibc
import LinuxSystem

/// Makes a few calls of a passthrough through any kernel interface.
struct ScriptedCalls: ~Copyable {
    static let assign = IoctlRequest(0x8040_AE69, "KVM_ASSIGN_PCI_DEVICE")
    static let setMask = IoctlRequest(0x4040_AEA4, "KVM_ASSIGN_SET_INTX_MASK")
    static let check = IoctlRequest(0xAE03, "KVM_CHECK_EXTENSION")

    let kernel: KernelInterface
    let vm: Descriptor
    let config: Descriptor

    init(_ kernel: KernelInterface) {
        self.kernel = kernel
        vm = Descriptor(owning: dup(2), object: "virtual machine", kernel: kernel)
        config = Descriptor(owning: dup(2), object: "0000:00:04.0 config", kernel: kernel)
    }

    /// struct kvm_assigned_pci_dev, shortened to its first 16 bytes.
    func device(_ request: IoctlRequest, flags: UInt32) throws(SystemCallError) {
        var argument = SIMD4<UInt32>(0x20, 0, 0x20, flags)
        try vm.ioctl(request, &argument)
    }

    func command(_ value: UInt16) throws(SystemCallError) {
        var failure: SystemCallError?
        withUnsafeBytes(of: value) { bytes in
            do throws(SystemCallError) { try config.write(bytes, at: 4) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func status() throws(SystemCallError) -> UInt16 {
        var value: UInt16 = 0
        var failure: SystemCallError?
        withUnsafeMutableBytes(of: &value) { bytes in
            do throws(SystemCallError) { try config.read(into: bytes, at: 6) } catch { failure = error }
        }
        if let failure { throw failure }
        return value
    }
}
