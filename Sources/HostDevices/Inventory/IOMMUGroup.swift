public import PCI

/// The functions that the IOMMU can't distinguish: they are passed to guests together or not at all.
///
/// Source: Documentation/driver-api/vfio.rst, "Groups, Devices, and IOMMUs".
public struct IOMMUGroup: Sendable, Equatable {
    /// Its number, as in /sys/kernel/iommu_groups and /dev/vfio.
    public let number: Int
    /// Everything in it, sorted.
    public let members: [Member]

    /// One function of a group. Firmware also puts devices that aren't PCI into groups; these have a name and no
    /// address.
    public struct Member: Sendable, Equatable {
        /// Its name in sysfs, which for PCI is its address.
        public let name: String
        /// Its address, nil if it isn't PCI.
        public let address: PCIAddress?
        /// The driver it is bound to, nil if none.
        public let driver: String?
        /// True if it has a bridge's header.
        public let isBridge: Bool
        /// True if its class is a bridge's: the host needs it.
        public let isPartOfHost: Bool
        /// True if its driver belongs to VFIO: vfio-pci or a variant for one device.
        public let isHeldByVFIO: Bool

        /// True if VFIO allows the group to be used with this member in its state.
        ///
        /// VFIO's rule (vfio_dev_viable, drivers/vfio/vfio.c of Linux 5.15): no driver, a driver of VFIO, pci-stub, or
        /// a bridge. Since Linux 6.0 it is any driver that does no DMA; of those pcieport counts here too.
        public var isViable: Bool {
            guard let driver else { return true }
            return isBridge || isHeldByVFIO || driver == "pci-stub" || driver == "pcieport"
        }
    }

    /// The answer to the question if VFIO will hand out the group.
    public enum Viability: Sendable, Equatable {
        case viable
        /// These members are bound to drivers of the host, which could do DMA into the guest's memory.
        case notViable(culprits: [Member])
    }

    /// Checks if VFIO will hand out the group, and lists the members that prevent it.
    public var viability: Viability {
        let culprits = members.filter { !$0.isViable }
        return culprits.isEmpty ? .viable : .notViable(culprits: culprits)
    }

    /// Reads a group.
    /// - Parameters:
    ///   - number: its number
    ///   - tree: the host, or a mock tree
    public init(number: Int, tree: HostFilesystem = HostFilesystem()) {
        self.number = number
        members = tree.names(in: "sys/kernel/iommu_groups/\(number)/devices").map { name in
            let folder = "sys/kernel/iommu_groups/\(number)/devices/\(name)"
            let address = PCIAddress(name)
            let driver = tree.linkedName("\(folder)/driver")
            return Member(
                name: name, address: address, driver: driver, isBridge: address.map { tree.isBridge($0) } ?? false,
                isPartOfHost: address.map { tree.isBridgeByClass($0) } ?? false,
                // Since Linux 6.1 each function that VFIO holds has a folder vfio-dev; before, only the driver's name
                // is a sign.
                isHeldByVFIO: driver != nil && (driver?.contains("vfio") == true || tree.exists("\(folder)/vfio-dev")))
        }
    }

    /// Reads the group of a function; nil if it has none.
    /// - Parameters:
    ///   - address: the function
    ///   - tree: the host, or a mock tree
    public init?(of address: PCIAddress, tree: HostFilesystem = HostFilesystem()) {
        guard let number = tree.iommuGroup(of: address) else { return nil }
        self.init(number: number, tree: tree)
    }
}
