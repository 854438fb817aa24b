/// The configuration of an emulated function: its type 0 header, its base address registers and its interrupt
/// capabilities. PCI Local Bus 3.0, sections 6.1, 6.2 and 6.8.
public struct FunctionHeader: Sendable {
    public var vendorID: UInt16
    public var deviceID: UInt16
    public var subsystemVendorID: UInt16 = 0
    public var subsystemID: UInt16 = 0
    /// Base class, sub-class and programming interface, 24 bits.
    public var classCode: UInt32
    public var revision: UInt8 = 0
    /// 1...4 for INTA...INTD, 0 for none.
    public var interruptPin = 0
    public var bars: [BAR]
    /// The vectors of the MSI capability: 1, 2, 4, 8, 16 or 32, each with a mask; 0 for no such capability.
    public var msiVectors = 0
    public var msix: MSIXPlacement?

    /// The place of the MSI-X table and the pending bits.
    public struct MSIXPlacement: Sendable {
        /// The number of vectors, 1...2048.
        public let vectors: Int
        /// The BAR of both, 0...5.
        public let bar: Int
        /// The table's offset in the BAR, a multiple of 8.
        public let tableOffset: UInt32
        /// The pending bits' offset in the BAR, a multiple of 8.
        public let pendingOffset: UInt32

        public init(vectors: Int, bar: Int, tableOffset: UInt32 = 0, pendingOffset: UInt32) {
            self.vectors = vectors
            self.bar = bar
            self.tableOffset = tableOffset
            self.pendingOffset = pendingOffset
        }
    }

    /// - Parameter classCode: base class, sub-class and programming interface, 24 bits.
    public init(vendorID: UInt16, deviceID: UInt16, classCode: UInt32, bars: [BAR]) {
        self.vendorID = vendorID
        self.deviceID = deviceID
        self.classCode = classCode
        self.bars = bars
    }

    /// The offsets of the capabilities: each is the same whether or not the other exists.
    private static let msiOffset = 0x40
    private static let msixOffset = 0x60

    /// Builds the configuration space in the state after a reset: nothing decoded, no mode enabled.
    /// - Parameter size: 256 or 4096.
    public func configSpace(size: Int = 256) -> (space: ConfigSpace, messages: FunctionMessages) {
        var space = ConfigSpace(size: size)
        space.set(ConfigRegister.vendorID, UInt32(vendorID) | UInt32(deviceID) << 16, width: 4)
        space.set(ConfigRegister.revisionAndClass, UInt32(revision) | classCode << 8, width: 4)
        space.set(ConfigRegister.subsystemVendorID, UInt32(subsystemVendorID) | UInt32(subsystemID) << 16, width: 4)
        space.set(ConfigRegister.interruptPin, UInt32(interruptPin), width: 1)
        space.setMasks(ConfigRegister.interruptLine, width: 1, writable: 0xFF)
        space.setMasks(ConfigRegister.cacheLineSize, width: 1, writable: 0xFF)
        var command: Command = [.busMaster, .parityErrorResponse, .systemError, .intxDisable]
        if bars.contains(where: \.isIO) { command.insert(.ioSpace) }
        if bars.contains(where: { !$0.isIO }) { command.insert(.memorySpace) }
        space.setMasks(ConfigRegister.command, width: 2, writable: UInt32(command.rawValue))
        for bar in bars { bar.install(in: &space) }

        let msi = msiVectors > 0 ? MSICapability(offset: Self.msiOffset, vectors: msiVectors) : nil
        let capability = msix.map { MSIXCapability(offset: Self.msixOffset, placement: $0) }
        var previous = ConfigRegister.capabilitiesPointer
        func link(_ id: UInt16, _ offset: Int) {
            space.set(offset, UInt32(id), width: 1)
            space.set(previous, UInt32(offset), width: 1)
            space.set(ConfigRegister.status, UInt32(Status.capabilitiesList), width: 2)
            previous = offset + 1
        }
        if let msi {
            msi.install(in: &space)
            link(Capability.msi, msi.offset)
        }
        if let capability {
            capability.install(in: &space)
            link(Capability.msix, capability.offset)
        }
        return (space, FunctionMessages(MessageLayout(msi: msi, msix: capability)))
    }
}
