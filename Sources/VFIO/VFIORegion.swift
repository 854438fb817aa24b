/// A region of a VFIO device: a BAR, the ROM or configuration space, as a range of the device's descriptor.
public struct VFIORegion: Sendable {
    /// The fixed indices of PCI devices, `enum` in <linux/vfio.h>; BARs are 0...5.
    public static let romIndex = 6
    public static let configIndex = 7

    public let index: Int
    /// The size in bytes; zero if the device has no such region.
    public let size: UInt64
    /// The region's start in the device's descriptor.
    public let offset: UInt64
    public let isReadable: Bool
    public let isWritable: Bool
    /// The parts that can be mapped.
    public let mappable: [Range<UInt64>]
}
