/// Offsets in a type 0 configuration header; PCI Local Bus 3.0, section 6.1 and figure 6-1.
public enum ConfigRegister {
    public static let vendorID = 0x00
    public static let deviceID = 0x02
    public static let command = 0x04
    public static let status = 0x06
    public static let revisionAndClass = 0x08
    public static let cacheLineSize = 0x0C
    public static let latencyTimer = 0x0D
    public static let headerType = 0x0E
    public static let bars = 0x10
    public static let subsystemVendorID = 0x2C
    public static let expansionROM = 0x30
    public static let capabilitiesPointer = 0x34
    public static let interruptLine = 0x3C
    public static let interruptPin = 0x3D
    public static let minimumGrant = 0x3E
    /// The lowest offset of capabilities.
    public static let firstCapability = 0x40
    /// The offset of the first extended capability; PCI Express 3.0, section 7.9.
    public static let firstExtendedCapability = 0x100
}

/// The Header Type register; PCI Local Bus 3.0, section 6.2.1.
enum HeaderType {
    static let multiFunction: UInt8 = 0x80
}

/// The COMMAND register; PCI Local Bus 3.0, section 6.2.2.
public struct Command: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let ioSpace = Command(rawValue: 1 << 0)
    public static let memorySpace = Command(rawValue: 1 << 1)
    public static let busMaster = Command(rawValue: 1 << 2)
    public static let memoryWriteInvalidate = Command(rawValue: 1 << 4)
    public static let parityErrorResponse = Command(rawValue: 1 << 6)
    public static let systemError = Command(rawValue: 1 << 8)
    /// INTx-disable (DisINTx): while set, the function may not assert its INTx line.
    public static let intxDisable = Command(rawValue: 1 << 10)
}

/// The STATUS register; PCI Local Bus 3.0, section 6.2.3.
public enum Status {
    /// The function asserts INTx, regardless of INTx-disable.
    public static let interrupt: UInt16 = 1 << 3
    public static let capabilitiesList: UInt16 = 1 << 4
    static let masterDataParityError: UInt16 = 1 << 8
    static let signalledTargetAbort: UInt16 = 1 << 11
    static let receivedTargetAbort: UInt16 = 1 << 12
    static let receivedMasterAbort: UInt16 = 1 << 13
    static let signalledSystemError: UInt16 = 1 << 14
    static let detectedParityError: UInt16 = 1 << 15
    /// Bits that are cleared by writing one.
    public static let clearedByOne =
        masterDataParityError | signalledTargetAbort | receivedTargetAbort | receivedMasterAbort | signalledSystemError
        | detectedParityError
}
