import Bytes
public import PCI

/// A PCI function of the host, as the kernel and libpci describe it.
public struct HostPCIFunction: Sendable, Equatable {
    /// Where it sits.
    public var address: PCIAddress
    /// The vendor's number.
    public var vendorID: UInt16
    /// The vendor's number for the device.
    public var deviceID: UInt16
    /// The vendor of the card or board, 0 where the function has no such field (bridges).
    public var subsystemVendorID: UInt16
    /// That vendor's number for the card or board.
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
    /// The NUMA node it is attached to, nil if the host does not say.
    public var numaNode: Int?
    /// The host's interrupt number for INTx, nil if none is assigned.
    public var irq: Int?
    /// The INTx pin, 1 (INTA) to 4 (INTD), nil if it has none.
    public var interruptPin: UInt8?
    /// The memory and port ranges in use, in the order of their registers.
    public var bars: [BAR]
    /// Bytes of the expansion ROM, 0 if there is none.
    public var romSize: UInt64
    /// The capabilities in the order of their lists. Incomplete where only root may read beyond the first 64 bytes.
    public var capabilities: [HostPCICapability]
    /// Whether all of config space could be read; without it `capabilities` and what follows from them are unknown, not
    /// absent.
    public var isConfigReadable: Bool
    /// MSI vectors it can ask for (1, 2, 4 ... 32), 0 without MSI.
    public var msiVectors: Int
    /// Entries of its MSI-X table (1...2048), 0 without MSI-X.
    public var msixVectors: Int
    /// Whether the function can reset itself alone (FLR of PCI Express or of Advanced Features).
    public var hasFunctionLevelReset: Bool
    /// The ways the kernel knows to reset it, best first, as `reset_method` of sysfs names them. Empty: none, or a
    /// kernel before 5.15.
    public var resetMethods: [String]

    /// Whether it is a bridge to another bus, which is never passed to a guest.
    public var isBridge: Bool { headerType == 1 || headerType == 2 || Self.isBridge(classCode: classCode) }

    /// Whether a class is a bridge's: base class 06 of the PCI Code and ID Assignment Specification 1.11, section 1.7,
    /// but for 0680, by which devices go, too (NVSwitch).
    static func isBridge(classCode: UInt16) -> Bool { classCode >> 8 == 0x06 && classCode & 0xFF < 0x80 }
    /// Whether it is a network controller.
    public var isNetworkController: Bool { classCode >> 8 == 0x02 }

    /// Whether it has a capability of this kind.
    public func has(_ kind: HostPCICapability.Kind) -> Bool { capabilities.contains { $0.kind == kind } }

    /// `8086:10d3`
    public var numericID: String { "\(vendorID.hexadecimalDigits(4)):\(deviceID.hexadecimalDigits(4))" }

    /// Vendor and device in words, or in numbers where pci.ids does not know them.
    public var name: String {
        switch (names?.vendor, names?.device) {
        case (let vendor?, let device?): "\(vendor) \(device)"
        case (let vendor?, nil): "\(vendor) device \(deviceID.hexadecimalDigits(4))"
        default: "device \(numericID)"
        }
    }

    /// The class in words, or in numbers where pci.ids is missing.
    public var className: String { names?.class ?? "class \(classCode.hexadecimalDigits(4))" }

    /// What pci.ids calls the numbers; nil for those it does not know.
    public struct Names: Sendable, Equatable {
        public var vendor: String?
        public var device: String?
        public var subsystem: String?
        public var `class`: String?
    }

    /// A range of memory or ports that a base address register places.
    public struct BAR: Sendable, Equatable {
        /// What kind of addresses it takes.
        public enum Kind: String, Sendable {
            case ports = "ports"
            case memory32 = "32-bit memory"
            case memory64 = "64-bit memory"
        }
        /// The register, 0...5; a 64-bit range takes the next one too.
        public var index: Int
        public var kind: Kind
        /// Whether reads have no side effects.
        public var isPrefetchable: Bool
        /// Where the host placed it.
        public var address: UInt64
        /// Bytes.
        public var size: UInt64
    }
}
