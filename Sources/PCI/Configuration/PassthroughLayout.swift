/// Decides the owner of every configuration bit of a passed-through function.
///
/// Everything not listed here is hidden: it reads zero and ignores writes. The device's own registers are read once, at
/// assignment.
public struct PassthroughLayout: Sendable {
    /// The layer between a forwarded write and the device.
    public enum Access: Sendable {
        /// A kernel that filters writes: VFIO, which virtualizes everything that would harm the host.
        case filtered
        /// None: sysfs writes registers directly. So resets, power states, error reporting and express controls, which
        /// the host's kernel manages, exist only in the guest's view. The kernel delivers one MSI vector and has no
        /// masks for it.
        case raw
    }

    /// The guest's configuration space, with its owners.
    public private(set) var space: ConfigSpace
    public private(set) var msi: MSICapability?
    public private(set) var msix: MSIXCapability?
    public private(set) var power: PowerCapability?
    /// 1...4 for INTA...INTD, 0 for none.
    public let interruptPin: Int
    private let access: Access

    /// Builds the layout.
    /// - Parameters:
    ///   - hardware: 256 or 4096 bytes as read from the device; missing bytes count as zero.
    ///   - bars: its base address registers.
    ///   - hasINTx: true if the host can deliver its INTx line; otherwise the pin reads 0.
    ///   - access: the way that forwarded writes take to it.
    public init(hardware: [UInt8], bars: [BAR], hasINTx: Bool, access: Access = .filtered) {
        self.access = access
        var bytes = hardware
        if bytes.count < 256 { bytes += [UInt8](repeating: 0, count: 256 - bytes.count) }
        space = ConfigSpace(size: bytes.count >= 4096 ? 4096 : 256)
        let pin = Int(bytes[ConfigRegister.interruptPin])
        interruptPin = hasINTx && (1...4).contains(pin) ? pin : 0
        layHeader(bytes, bars)
        layCapabilities(bytes)
        layExtendedCapabilities(bytes)
    }

    private mutating func layHeader(_ bytes: [UInt8], _ bars: [BAR]) {
        copy(bytes, ConfigRegister.vendorID, 4)
        copy(bytes, ConfigRegister.revisionAndClass, 4)
        copy(bytes, ConfigRegister.subsystemVendorID, 4)
        copy(bytes, ConfigRegister.minimumGrant, 2)
        // The function is alone in its slot, so the multi-function bit is cleared.
        space.set(
            ConfigRegister.headerType, UInt32(bytes[ConfigRegister.headerType] & ~HeaderType.multiFunction), width: 1)
        space.set(ConfigRegister.interruptPin, UInt32(interruptPin), width: 1)
        space.setMasks(ConfigRegister.interruptLine, width: 1, writable: 0xFF)
        for register in [ConfigRegister.cacheLineSize, ConfigRegister.latencyTimer] {
            copy(bytes, register, 1)
            space.setMasks(register, width: 1, writable: 0xFF, forwarded: 0xFF)
        }
        // COMMAND reads only from the guest's view: the host's kernel uses the physical INTx-disable itself.
        var command: Command = [.busMaster, .memoryWriteInvalidate, .parityErrorResponse, .systemError, .intxDisable]
        if bars.contains(where: { $0.isIO }) { command.insert(.ioSpace) }
        if bars.contains(where: { !$0.isIO }) { command.insert(.memorySpace) }
        // The decoders of a function behind sysfs stay on: the host's kernel needs them, and the bus decides which
        // ranges answer.
        let forwarded = access == .raw ? command.intersection([.busMaster, .intxDisable]) : command
        space.setMasks(
            ConfigRegister.command, width: 2, writable: UInt32(command.rawValue), forwarded: UInt32(forwarded.rawValue))
        // STATUS comes from the device, except the capabilities-list bit.
        space.setMasks(
            ConfigRegister.status, width: 2, live: UInt32(~Status.capabilitiesList),
            forwarded: UInt32(Status.clearedByOne))
        for bar in bars { bar.install(in: &space) }
    }

    private mutating func layCapabilities(_ bytes: [UInt8]) {
        let capabilities = Capability.list(bytes)
        var previous = ConfigRegister.capabilitiesPointer
        for capability in capabilities
        where lay(capability, bytes, limit: Self.limit(of: capability, among: capabilities, 256)) {
            space.set(capability.offset, UInt32(capability.id), width: 1)
            space.set(previous, UInt32(capability.offset), width: 1)
            previous = capability.offset + 1
            space.set(ConfigRegister.status, UInt32(Status.capabilitiesList), width: 2)
        }
    }

    /// Returns the limit of a capability: the start of the next one or the end of the space. A capability that runs
    /// further stays hidden, so that no byte has two owners and no write to one capability reaches the device as a
    /// register of another.
    private static func limit(of capability: Capability, among capabilities: [Capability], _ end: Int) -> Int {
        capabilities.reduce(end) { $1.offset > capability.offset ? min($0, $1.offset) : $0 }
    }

    /// Adds one capability; returns false if it stays hidden.
    /// - Parameter limit: the offset where it must end.
    private mutating func lay(_ capability: Capability, _ bytes: [UInt8], limit: Int) -> Bool {
        let offset = capability.offset
        switch capability.id {
        case Capability.powerManagement:
            guard offset + PowerCapability.length <= limit, let found = PowerCapability(bytes, at: offset) else {
                return false
            }
            // No PME: nothing would handle it. The guest sets the power state, which is read back from the device.
            typealias Control = PowerCapability.ControlStatus
            let capabilities = offset + PowerCapability.Capabilities.offset
            space.set(
                capabilities,
                UInt32(Capability.word16(bytes, capabilities) & ~PowerCapability.Capabilities.pmeSupport), width: 2)
            if access == .raw {
                space.set(
                    found.control, UInt32(Capability.word16(bytes, found.control)) & Control.noSoftReset, width: 2)
                space.setMasks(found.control, width: 2, writable: Control.powerState)
            } else {
                space.setMasks(
                    found.control, width: 2, writable: Control.powerState,
                    live: Control.powerState | Control.noSoftReset, forwarded: Control.powerState)
            }
            if power == nil { power = found }
        case Capability.vitalProductData:
            guard offset + VitalProductData.length <= limit else { return false }
            space.setMasks(offset + VitalProductData.address, width: 2, live: 0xFFFF, forwarded: 0xFFFF)
            space.setMasks(offset + VitalProductData.data, width: 4, live: 0xFFFF_FFFF, forwarded: 0xFFFF_FFFF)
        case Capability.msi:
            guard msi == nil, let found = MSICapability(bytes, at: offset, singleVectorOnly: access == .raw),
                offset + found.length <= limit
            else { return false }
            found.install(in: &space)
            msi = found
        case Capability.msix:
            guard msix == nil, offset + MSIXCapability.length <= limit, let found = MSIXCapability(bytes, at: offset)
            else { return false }
            found.install(in: &space)
            msix = found
        case Capability.vendorSpecific:
            let length = Int(bytes[offset + 2])
            guard length >= 3, offset + length <= limit else { return false }
            space.set(offset + 2, UInt32(length), width: 1)
            for place in offset + 3..<offset + length { space.setMasks(place, width: 1, live: 0xFF, forwarded: 0xFF) }
        case Capability.pciExpress: return layExpress(offset, bytes, limit: limit)
        case Capability.advancedFeatures:
            // Its only function is a reset.
            guard access == .filtered, offset + AdvancedFeatures.length <= limit else { return false }
            copy(bytes, offset + AdvancedFeatures.lengthAndCapabilities, 2)
            space.setMasks(offset + AdvancedFeatures.control, width: 1, forwarded: AdvancedFeatures.initiateReset)
            space.setMasks(offset + AdvancedFeatures.status, width: 1, live: AdvancedFeatures.transactionsPending)
        default: return false
        }
        return true
    }

    /// Adds the express capability; PCI Express 3.0, section 7.8. On the root bus an endpoint is an integrated one
    /// without a link, so its link registers are hidden.
    private mutating func layExpress(_ offset: Int, _ bytes: [UInt8], limit: Int) -> Bool {
        typealias Express = ExpressCapability
        typealias Control = Express.DeviceControl
        let capabilities = offset + Express.Register.capabilities
        let flags = Capability.word16(bytes, capabilities)
        let type = (flags & Express.Capabilities.type) >> Express.Capabilities.typeShift
        let version = flags & Express.Capabilities.version
        // Some devices truncate the version 2 structure; the bytes that exist are kept.
        let end = min(offset + Express.length(version: version), limit)
        guard Express.Capabilities.endpoints.contains(type), offset + Express.deviceEnd <= end else { return false }
        let shown = version | Express.Capabilities.integratedEndpoint << Express.Capabilities.typeShift
        space.set(capabilities, UInt32(shown), width: 2)
        let device = offset + Express.Register.deviceCapabilities
        copy(bytes, device, 4)
        if access == .raw {
            // Without function-level reset: the host's kernel would not notice it.
            space.set(
                device, Capability.word32(bytes, device) & ~Express.DeviceCapabilities.functionLevelReset, width: 4)
        }
        // The guest controls device control; the device sees its function-level reset bit, which always reads zero.
        let control = offset + Express.Register.deviceControl
        let word = Capability.word16(bytes, control)
        space.set(control, UInt32(word & ~Control.initiateReset), width: 2)
        space.setMasks(
            control, width: 2, writable: UInt32(~Control.initiateReset),
            forwarded: access == .raw ? 0 : UInt32(~Control.packetSizes))
        // The path to the device belongs to the host: the sizes that the host set are kept.
        if access != .raw { space.hold(control, UInt32(word & Control.packetSizes), width: 2) }
        space.setMasks(
            offset + Express.Register.deviceStatus, width: 2, live: 0xFFFF,
            forwarded: UInt32(Express.DeviceStatus.errors))
        if offset + Express.device2End <= end, version >= 2 {
            let control2 = offset + Express.Register.deviceControl2
            copy(bytes, offset + Express.Register.deviceCapabilities2, 4)
            copy(bytes, control2, 2)
            let timeout = UInt32(
                Express.DeviceControl2.completionTimeout | Express.DeviceControl2.completionTimeoutDisable)
            space.setMasks(control2, width: 2, writable: timeout, forwarded: access == .raw ? 0 : timeout)
        }
        return true
    }

    private mutating func layExtendedCapabilities(_ bytes: [UInt8]) {
        guard space.size == 4096 else { return }
        let capabilities = Capability.extendedList(bytes)
        var previous: Int?
        for capability in capabilities {
            let header = Capability.word32(bytes, capability.offset)
            let limit = Self.limit(of: capability, among: capabilities, 4096)
            guard let length = extendedLength(capability, bytes), capability.offset + length <= limit else { continue }
            if capability.id == Capability.extendedSerialNumber {
                for place in stride(from: 4, to: length, by: 4) { copy(bytes, capability.offset + place, 4) }
            } else {
                for place in capability.offset + 4..<capability.offset + length {
                    space.setMasks(place, width: 1, live: 0xFF, forwarded: 0xFF)
                }
            }
            // The list must begin at 0x100; a null capability (id 0) replaces a hidden one there.
            if previous == nil, capability.offset != ConfigRegister.firstExtendedCapability {
                previous = ConfigRegister.firstExtendedCapability
                space.set(ConfigRegister.firstExtendedCapability, Capability.ExtendedHeader.null, width: 4)
            }
            space.set(capability.offset, header & Capability.ExtendedHeader.idAndVersion, width: 4)
            if let previous {
                let before = space.read(previous, width: 4) & Capability.ExtendedHeader.idAndVersion
                space.set(
                    previous, before | UInt32(capability.offset) << Capability.ExtendedHeader.nextShift, width: 4)
            }
            previous = capability.offset
        }
    }

    /// Returns the length of an extended capability that guests may have, nil for a hidden one.
    private func extendedLength(_ capability: Capability, _ bytes: [UInt8]) -> Int? {
        switch capability.id {
        case Capability.extendedSerialNumber: 0x0C
        // Writes of these go to the device; behind sysfs they belong to the host.
        case _ where access == .raw: nil
        case Capability.extendedErrorReporting: 0x2C
        case Capability.extendedVendorSpecific: max(8, Int(Capability.word32(bytes, capability.offset + 4) >> 20))
        default: nil
        }
    }

    private mutating func copy(_ bytes: [UInt8], _ offset: Int, _ width: Int) {
        var value: UInt32 = 0
        for index in 0..<width where offset + index < bytes.count {
            value |= UInt32(bytes[offset + index]) << UInt32(8 * index)
        }
        space.set(offset, value, width: width)
    }
}
