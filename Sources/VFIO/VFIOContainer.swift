import CLinux
import Glibc
public import LinuxSystem

/// A VFIO container: one IOMMU address space, shared by every group put into it. Documentation/driver-api/vfio.rst.
public final class VFIOContainer: Sendable {
    private let descriptor: Descriptor

    /// Opens a fresh container and checks that it serves type 1 IOMMUs, version 2.
    public init(path: String = "/dev/vfio/vfio", kernel: KernelInterface = .host) throws(VFIOError) {
        let opened = try Self.open(path, kernel: kernel)
        let version = try VFIOError.catching { () throws(SystemCallError) in try opened.ioctl(.getAPIVersion) }
        guard version == VFIO_API_VERSION else { throw .unsupported("interface version 0 (it speaks \(version))") }
        let typed = try VFIOError.catching { () throws(SystemCallError) in
            try opened.ioctl(.checkExtension, value: UInt(VFIO_TYPE1v2_IOMMU))
        }
        guard typed > 0 else { throw .unsupported("type 1 IOMMUs (modprobe vfio_iommu_type1)") }
        descriptor = opened
    }

    static func open(_ path: String, kernel: KernelInterface) throws(VFIOError) -> Descriptor {
        do {
            return try Descriptor(opening: path, kernel: kernel)
        } catch {
            switch error.errno.rawValue {
            case ENOENT, ENODEV, ENXIO: throw .unavailable(path)
            case EACCES, EPERM: throw .noPermission(path)
            default: throw .call(error)
            }
        }
    }

    /// The descriptor's number, for VFIO_GROUP_SET_CONTAINER.
    var raw: Int32 { descriptor.raw }
    var kernel: KernelInterface { descriptor.kernel }

    /// Chooses the IOMMU type. To be called once, with at least one group in the container.
    public func enableIOMMU() throws(VFIOError) {
        try VFIOError.catching { () throws(SystemCallError) in
            _ = try descriptor.ioctl(.setIOMMU, value: UInt(VFIO_TYPE1v2_IOMMU))
        }
    }

    /// Lets devices read and write memory at a bus address. The pages stay pinned until the container is gone.
    /// - Parameters:
    ///   - busAddress: page-aligned; the guest's physical address, for guest memory.
    ///   - memory: page-aligned; must stay mapped.
    public func mapDMA(busAddress: UInt64, memory: UnsafeMutableRawPointer, count: UInt64) throws(VFIOError) {
        var argument = vfio_iommu_type1_dma_map()
        argument.argsz = UInt32(MemoryLayout<vfio_iommu_type1_dma_map>.size)
        argument.flags = 3  // VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE
        argument.vaddr = UInt64(UInt(bitPattern: memory))
        argument.iova = busAddress
        argument.size = count
        do throws(SystemCallError) {
            try descriptor.ioctl(.mapDMA, &argument)
        } catch {
            if error.errno.rawValue == ENOMEM { throw .memoryLock(bytes: count) }
            throw .call(error)
        }
    }
}
