import Glibc
import KVM
import LinuxSystem

@testable import KVM

/// Returns a virtual machine whose ioctls a test double answers.
func virtualMachine(on kernel: KernelInterface) -> VirtualMachine {
    VirtualMachine(Descriptor(owning: dup(2), object: "virtual machine", kernel: kernel), vcpuMapSize: 4096)
}
