import CLinux
import Glibc
import LinuxSystem

/// An IOMMU group opened through VFIO: the smallest set of functions that the IOMMU can keep apart from the rest.
public final class VFIOGroup: Sendable {
    /// Its number under /sys/kernel/iommu_groups.
    public let number: Int
    private let descriptor: Descriptor
    // The group's IOMMU context lives as long as its container is open.
    private let container: VFIOContainer

    /// Opens the group, checks that it is viable and puts it into the container.
    public init(_ number: Int, in container: VFIOContainer, directory: String = "/dev/vfio") throws(VFIOError) {
        let opened = try Self.open(number, in: directory, kernel: container.kernel)
        var status = vfio_group_status()
        status.argsz = UInt32(MemoryLayout<vfio_group_status>.size)
        try VFIOError.catching { () throws(SystemCallError) in _ = try opened.ioctl(.getGroupStatus, &status) }
        guard status.flags & 1 != 0 else { throw .notViable(group: number) }
        var raw = container.raw
        try VFIOError.catching { () throws(SystemCallError) in _ = try opened.ioctl(.setContainer, &raw) }
        self.number = number
        self.container = container
        descriptor = opened
    }

    private static func open(_ number: Int, in directory: String, kernel: KernelInterface) throws(VFIOError)
        -> Descriptor
    {
        do {
            return try VFIOContainer.open("\(directory)/\(number)", kernel: kernel)
        } catch .call(let error) where error.errno.rawValue == EBUSY {
            throw .groupBusy(group: number)
        }
    }

    /// The descriptor's number, for KVM_DEV_VFIO_GROUP_ADD.
    public var raw: Int32 { descriptor.raw }

    /// Opens a member. VFIO_GROUP_GET_DEVICE_FD.
    /// - Parameter address: as sysfs writes it, `0000:00:04.0`.
    public func openDevice(_ address: String) throws(VFIOError) -> VFIODevice {
        var name = Array(address.utf8) + [0]
        let raw = try VFIOError.catching { () throws(SystemCallError) in try descriptor.ioctl(.getDevice, bytes: &name)
        }
        return try VFIODevice(Descriptor(owning: raw, object: address, kernel: descriptor.kernel), address: address)
    }
}
