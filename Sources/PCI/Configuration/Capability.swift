/// A capability's id and place in configuration space; PCI Local Bus 3.0, section 6.7, and PCI Express 3.0, section
/// 7.9.
public struct Capability: Sendable, Hashable {
    public let id: UInt16
    public let offset: Int

    public static let powerManagement: UInt16 = 0x01
    public static let vitalProductData: UInt16 = 0x03
    public static let msi: UInt16 = 0x05
    public static let vendorSpecific: UInt16 = 0x09
    public static let pciExpress: UInt16 = 0x10
    public static let msix: UInt16 = 0x11
    public static let advancedFeatures: UInt16 = 0x13

    public static let extendedErrorReporting: UInt16 = 0x0001
    public static let extendedSerialNumber: UInt16 = 0x0003
    public static let extendedVendorSpecific: UInt16 = 0x000B

    /// The header of an extended capability: id, version and the next one's offset; PCI Express 3.0, section 7.9.3.
    enum ExtendedHeader {
        static let idAndVersion: UInt32 = 0x000F_FFFF
        static let nextShift: UInt32 = 20
        /// A null capability, which has id 0, of version 1.
        static let null: UInt32 = 1 << 16
    }

    /// Returns the capabilities in a function's first 256 bytes. Stops at a loop or at a pointer out of range, so that
    /// a broken device can't hang us.
    public static func list(_ bytes: [UInt8]) -> [Capability] {
        guard bytes.count >= 64, bytes[ConfigRegister.status] & UInt8(Status.capabilitiesList) != 0 else { return [] }
        var found: [Capability] = []
        var offset = Int(bytes[ConfigRegister.capabilitiesPointer]) & 0xFC
        while offset >= ConfigRegister.firstCapability, offset + 2 <= min(bytes.count, 256), found.count < 48 {
            if found.contains(where: { $0.offset == offset }) { break }
            found.append(Capability(id: UInt16(bytes[offset]), offset: offset))
            offset = Int(bytes[offset + 1]) & 0xFC
        }
        return found
    }

    /// Returns the capabilities in extended space.
    public static func extendedList(_ bytes: [UInt8]) -> [Capability] {
        guard bytes.count >= 4096 else { return [] }
        var found: [Capability] = []
        var offset = ConfigRegister.firstExtendedCapability
        while offset >= ConfigRegister.firstExtendedCapability, offset + 4 <= 4096, found.count < 256 {
            if found.contains(where: { $0.offset == offset }) { break }
            let header = word32(bytes, offset)
            guard header != 0, header != 0xFFFF_FFFF else { break }
            found.append(Capability(id: UInt16(truncatingIfNeeded: header), offset: offset))
            offset = Int(header >> ExtendedHeader.nextShift) & 0xFFC
        }
        return found
    }

    static func word16(_ bytes: [UInt8], _ offset: Int) -> UInt16 {
        guard offset >= 0, offset + 2 <= bytes.count else { return 0 }
        return UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
    }

    static func word32(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        UInt32(word16(bytes, offset)) | UInt32(word16(bytes, offset + 2)) << 16
    }
}
