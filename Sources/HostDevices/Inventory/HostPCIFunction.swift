import Bytes
public import PCI

/// A PCI function of the host, described by the kernel and libpci.
public struct HostPCIFunction: Sendable, Equatable {
    /// The function's address.
    public var address: PCIAddress
    /// The vendor's number.
    public var vendorID: UInt16
    /// The vendor's number for the device.
    public var deviceID: UInt16
    /// The vendor of the card or board, 0 if the function has no such field (bridges).
    public var subsystemVendorID: UInt16
    /// The card or board's number at that vendor.
    public var subsystemID: UInt16
    /// Base class in bits 15..8, subclass in bits 7..0.
    public var classCode: UInt16
    /// The programming interface within the class.
    public var programmingInterface: UInt8
    /// The silicon's revision.
    public var revision: UInt8
    /// Names from pci.ids; nil if they were not asked for.
    public var names: Names?
    /// Configuration header layout: 0 a device, 1 a PCI bridge, 2 a CardBus bridge.
    public var headerType: UInt8
    /// The driver it is bound to, nil if none.
    public var driver: String?
    /// The IOMMU group's number, nil if no IOMMU covers the function.
    public var iommuGroup: Int?
    /// The NUMA node it is attached to, nil if unknown.
    public var numaNode: Int?
    /// The host's interrupt number for INTx, nil if none is assigned.
    public var irq: Int?
    /// The INTx pin, 1 (INTA) to 4 (INTD), nil if it has none.
    public var interruptPin: UInt8?
    /// The memory and port ranges in use, in the order of their registers.
    public var bars: [BAR]
    /// The size of the expansion ROM in bytes, 0 if there is none.
    public var romSize: UInt64
    /// The capabilities in the order of their lists. Incomplete if only root may read beyond the first 64 bytes.
    public var capabilities: [HostPCICapability]
    /// True if all of config space could be read; otherwise `capabilities` and values derived from them are unknown,
    /// not absent.
    public var isConfigReadable: Bool
    /// The number of MSI vectors it can request (1, 2, 4 ... 32), 0 without MSI.
    public var msiVectors: Int
    /// Entries of its MSI-X table (1...2048), 0 without MSI-X.
    public var msixVectors: Int
    /// True if the function can reset itself alone (FLR of PCI Express or of Advanced Features).
    public var hasFunctionLevelReset: Bool
    /// The kernel's methods to reset it, best first, named as in sysfs's `reset_method`. Empty: none, or a kernel
    /// before 5.15.
    public var resetMethods: [String]

    /// True for a bridge to another bus, which is never passed to a guest.
    public var isBridge: Bool { headerType == 1 || headerType == 2 || Self.isBridge(classCode: classCode) }

    /// Returns true for a bridge's class: base class 06 of the PCI Code and ID Assignment Specification 1.11, section
    /// 1.7, except 0680, which some devices use too (NVSwitch).
    static func isBridge(classCode: UInt16) -> Bool { classCode >> 8 == 0x06 && classCode & 0xFF < 0x80 }
    /// True for a network controller.
    public var isNetworkController: Bool { classCode >> 8 == 0x02 }

    /// Returns true if it has a capability of this kind.
    public func has(_ kind: HostPCICapability.Kind) -> Bool { capabilities.contains { $0.kind == kind } }

    /// The vendor and device numbers: `8086:10d3`
    public var numericID: String { "\(vendorID.hexadecimalDigits(4)):\(deviceID.hexadecimalDigits(4))" }

    /// The names of vendor and device, or numbers if pci.ids does not list them.
    public var name: String {
        switch (names?.vendor, names?.device) {
        case (let vendor?, let device?): "\(vendor) \(device)"
        case (let vendor?, nil): "\(vendor) device \(deviceID.hexadecimalDigits(4))"
        default: "device \(numericID)"
        }
    }

    /// The name of the class, or its number if pci.ids is missing.
    public var className: String { names?.class ?? "class \(classCode.hexadecimalDigits(4))" }

    /// The names in pci.ids; nil for numbers it does not list.
    public struct Names: Sendable, Equatable {
        public var vendor: String?
        public var device: String?
        public var subsystem: String?
        public var `class`: String?
    }

    /// A range of memory or ports of a base address register.
    public struct BAR: Sendable, Equatable {
        /// The address space.
        public enum Kind: String, Sendable {
            case ports = "ports"
            case memory32 = "32-bit memory"
            case memory64 = "64-bit memory"
        }
        /// The register, 0...5; a 64-bit range occupies the next one too.
        public var index: Int
        public var kind: Kind
        /// True if reads have no side effects.
        public var isPrefetchable: Bool
        /// The address that the host assigned.
        public var address: UInt64
        /// The size in bytes.
        public var size: UInt64
    }
}
