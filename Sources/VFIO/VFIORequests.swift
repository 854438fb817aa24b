import CLinux
import LinuxSystem

/// The ioctls of <linux/vfio.h> that swiftlet makes, each under its name there.
extension IoctlRequest {
    static let getAPIVersion = IoctlRequest(CL_VFIO_GET_API_VERSION, "VFIO_GET_API_VERSION")
    static let checkExtension = IoctlRequest(CL_VFIO_CHECK_EXTENSION, "VFIO_CHECK_EXTENSION")
    static let setIOMMU = IoctlRequest(CL_VFIO_SET_IOMMU, "VFIO_SET_IOMMU")
    static let getGroupStatus = IoctlRequest(CL_VFIO_GROUP_GET_STATUS, "VFIO_GROUP_GET_STATUS")
    static let setContainer = IoctlRequest(CL_VFIO_GROUP_SET_CONTAINER, "VFIO_GROUP_SET_CONTAINER")
    static let getDevice = IoctlRequest(CL_VFIO_GROUP_GET_DEVICE_FD, "VFIO_GROUP_GET_DEVICE_FD")
    static let getDeviceInfo = IoctlRequest(CL_VFIO_DEVICE_GET_INFO, "VFIO_DEVICE_GET_INFO")
    static let getRegionInfo = IoctlRequest(CL_VFIO_DEVICE_GET_REGION_INFO, "VFIO_DEVICE_GET_REGION_INFO")
    static let getInterruptInfo = IoctlRequest(CL_VFIO_DEVICE_GET_IRQ_INFO, "VFIO_DEVICE_GET_IRQ_INFO")
    static let setInterrupts = IoctlRequest(CL_VFIO_DEVICE_SET_IRQS, "VFIO_DEVICE_SET_IRQS")
    static let resetDevice = IoctlRequest(CL_VFIO_DEVICE_RESET, "VFIO_DEVICE_RESET")
    static let mapDMA = IoctlRequest(CL_VFIO_IOMMU_MAP_DMA, "VFIO_IOMMU_MAP_DMA")
}
