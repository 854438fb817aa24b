import Glibc
import KVM
import LinuxSystem

@testable import KVM

/// A virtual machine without a kernel behind it: its door answers.
func doorMachine(_ door: IoctlDoor) -> VirtualMachine {
    VirtualMachine(Descriptor(owning: dup(2), object: "virtual machine", door: door), vcpuMapSize: 4096)
}
