import Bytes

/// One entry of a function's capability lists.
public struct HostPCICapability: Sendable, Equatable {
    /// The capabilities that this project uses; all others have only a number and a name.
    public enum Kind: Sendable, Equatable {
        case powerManagement
        case msi
        case msix
        case pciExpress
        case advancedFeatures
        case singleRootIOV
        case other
    }

    /// The capability's number.
    public var id: UInt16
    /// True for an extended capability of PCI Express, from byte 256 on.
    public var isExtended: Bool
    /// The byte offset in config space.
    public var offset: Int

    /// The kind of capability.
    public var kind: Kind {
        switch (isExtended, id) {
        case (false, 0x01): .powerManagement
        case (false, 0x05): .msi
        case (false, 0x11): .msix
        case (false, 0x10): .pciExpress
        case (false, 0x13): .advancedFeatures
        case (true, 0x10): .singleRootIOV
        default: .other
        }
    }

    /// The name in the PCI Code and ID Assignment Specification, in its usual short form.
    public var name: String {
        let names = isExtended ? Self.extendedNames : Self.standardNames
        return names[id] ?? "capability 0x\(id.hexadecimalDigits(2))"
    }

    private static let standardNames: [UInt16: String] = [
        0x01: "Power Management", 0x02: "AGP", 0x03: "Vital Product Data", 0x04: "Slot Identification", 0x05: "MSI",
        0x06: "CompactPCI Hot Swap",
        0x07: "PCI-X", 0x08: "HyperTransport", 0x09: "Vendor Specific", 0x0a: "Debug Port", 0x0c: "Hot Plug",
        0x0d: "Bridge Subsystem",
        0x0f: "Secure Device", 0x10: "PCI Express", 0x11: "MSI-X", 0x12: "SATA", 0x13: "Advanced Features",
        0x14: "Enhanced Allocation",
    ]

    private static let extendedNames: [UInt16: String] = [
        0x01: "Advanced Error Reporting", 0x02: "Virtual Channel", 0x03: "Device Serial Number",
        0x04: "Power Budgeting",
        0x0b: "Vendor Specific (extended)", 0x0d: "Access Control Services", 0x0e: "Alternative Routing-ID",
        0x0f: "Address Translation Services",
        0x10: "Single Root I/O Virtualization", 0x12: "Multicast", 0x13: "Page Request", 0x15: "Resizable BAR",
        0x16: "Dynamic Power Allocation",
        0x17: "TPH Requester", 0x18: "Latency Tolerance Reporting", 0x19: "Secondary PCI Express",
        0x1b: "Process Address Space ID",
        0x1d: "Downstream Port Containment", 0x1e: "L1 PM Substates", 0x1f: "Precision Time Measurement",
        0x23: "Designated Vendor Specific",
        0x25: "Data Link Feature", 0x26: "Physical Layer 16 GT/s", 0x27: "Lane Margining",
        0x2a: "Physical Layer 32 GT/s",
    ]
}
