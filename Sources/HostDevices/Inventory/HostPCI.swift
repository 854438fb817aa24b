private import CPCI
public import PCI
public import SystemPackage

/// The host's PCI inventory, which libpci reads at initialization. No device stays open.
public struct HostPCI: ~Copyable {
    // libpci's handle: owned by this value, never shared between threads because the value is neither Sendable nor
    // copyable.
    private let access: UnsafeMutablePointer<pci_access>
    private let tree: HostFilesystem

    /// The inventory can't be read: libpci's reason.
    public struct Unreadable: Error, Equatable, CustomStringConvertible {
        public let reason: String
        public var description: String { "the host's PCI functions can't be listed: \(reason)" }

        public init(reason: String) { self.reason = reason }
    }

    /// The files with the names of vendors and devices: Debian's path, then Fedora's.
    public static let nameFiles: [FilePath] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"]

    /// Reads the list of functions.
    /// - Parameters:
    ///   - tree: the host, or a mock tree
    ///   - nameFiles: the first one that exists gives the names; without any, names are numbers
    /// - Throws: `Unreadable` if the host has no PCI or sysfs is not mounted.
    public init(tree: HostFilesystem = HostFilesystem(), nameFiles: [FilePath] = HostPCI.nameFiles) throws(Unreadable) {
        let file = nameFiles.first { HostFilesystem().exists($0.string) } ?? ""
        let (access, failure) = Self.guarded { cpci_open(tree.path("sys/bus/pci"), file.string, $0) }
        guard let access else { throw Unreadable(reason: failure ?? "libpci could not be set up") }
        if let failure = Self.guarded({ cpci_scan(access, $0) }).failure {
            cpci_close(access)
            throw Unreadable(reason: failure)
        }
        self.access = access
        self.tree = tree
    }

    deinit { cpci_close(access) }

    /// Returns every function, sorted by address.
    /// - Parameter named: look up names, which reads the 1.3 MB of pci.ids once.
    /// - Throws: `Unreadable` if a function's files can't be read. A function that was unplugged meanwhile is left out.
    public func functions(named: Bool = false) throws(Unreadable) -> [HostPCIFunction] {
        var functions: [HostPCIFunction] = []
        var next = access.pointee.devices
        while let device = next {
            next = device.pointee.next
            if let function = try function(device, named) { functions.append(function) }
        }
        return functions.sorted { $0.address < $1.address }
    }

    /// Returns one function, nil if there is none at the address.
    /// - Parameters:
    ///   - address: its address
    ///   - named: look up names
    /// - Throws: `Unreadable` if its files can't be read.
    public func function(at address: PCIAddress, named: Bool = false) throws(Unreadable) -> HostPCIFunction? {
        var next = access.pointee.devices
        while let device = next {
            if Self.address(of: device) == address { return try function(device, named) }
            next = device.pointee.next
        }
        return nil
    }

    private static func address(of device: UnsafeMutablePointer<pci_dev>) -> PCIAddress? {
        let device = device.pointee
        return PCIAddress(
            segment: UInt32(bitPattern: device.domain), bus: device.bus, device: device.dev, function: device.func)
    }

    /// Makes one call of libpci, with room for its error message.
    private static func guarded<Result>(_ call: (UnsafeMutablePointer<CChar>) -> Result) -> (
        result: Result, failure: String?
    ) {
        var text = [CChar](repeating: 0, count: Int(CPCI_FAILURE_BYTES))
        let result = call(&text)
        let characters = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return (result, characters.isEmpty ? nil : String(decoding: characters, as: UTF8.self))
    }
}

extension HostPCI {
    private static let fields =
        PCI_FILL_IDENT | PCI_FILL_IRQ | PCI_FILL_BASES | PCI_FILL_ROM_BASE | PCI_FILL_SIZES | PCI_FILL_CLASS
        | PCI_FILL_CLASS_EXT
        | PCI_FILL_CAPS | PCI_FILL_EXT_CAPS | PCI_FILL_NUMA_NODE | PCI_FILL_IOMMU_GROUP | PCI_FILL_SUBSYS
        | PCI_FILL_DRIVER

    private func function(_ device: UnsafeMutablePointer<pci_dev>, _ named: Bool) throws(Unreadable) -> HostPCIFunction?
    {
        guard let address = Self.address(of: device) else { return nil }
        if let failure = Self.guarded({ cpci_fill(device, Self.fields, $0) }).failure {
            guard tree.exists(HostFilesystem.folder(address)) else { return nil }
            throw Unreadable(reason: failure)
        }
        let filled = device.pointee
        let capabilities = Self.capabilities(device)
        let pin = UInt8(truncatingIfNeeded: cpci_read(device, 0x3d, 1))
        let headerType = UInt8(truncatingIfNeeded: cpci_read(device, 0x0e, 1))
        return HostPCIFunction(
            address: address, vendorID: filled.vendor_id, deviceID: filled.device_id,
            subsystemVendorID: filled.subsys_vendor_id,
            subsystemID: filled.subsys_id, classCode: filled.device_class, programmingInterface: filled.prog_if,
            revision: filled.rev_id,
            names: named ? names(filled) : nil,
            // If config space can't be read at all, the class identifies a bridge.
            headerType: headerType == 0xff ? (filled.device_class == 0x0604 ? 1 : 0) : headerType & 0x7f,
            driver: cpci_property(device, UInt32(PCI_FILL_DRIVER)).map { String(cString: $0) },
            iommuGroup: cpci_property(device, UInt32(PCI_FILL_IOMMU_GROUP)).flatMap { Int(String(cString: $0)) },
            numaNode: filled.numa_node < 0 ? nil : Int(filled.numa_node), irq: filled.irq <= 0 ? nil : Int(filled.irq),
            interruptPin: (1...4).contains(pin) ? pin : nil, bars: Self.bars(filled), romSize: filled.rom_size,
            capabilities: capabilities,
            // Everyone may read the first 64 bytes, CAP_SYS_ADMIN the rest; beyond its end the file reads as all ones.
            isConfigReadable: cpci_read(device, 0x40, 4) != .max || cpci_read(device, 0xfc, 4) != .max,
            msiVectors: Self.msiVectors(device, capabilities), msixVectors: Self.msixVectors(device, capabilities),
            hasFunctionLevelReset: Self.hasFunctionLevelReset(device, capabilities),
            resetMethods: (try? tree.text("\(HostFilesystem.folder(address))/reset_method"))?.split(separator: " ").map(
                String.init) ?? [])
    }

    private static func bars(_ device: pci_dev) -> [HostPCIFunction.BAR] {
        withUnsafeBytes(of: device.base_addr) { bases in
            withUnsafeBytes(of: device.size) { sizes in
                (0..<6).compactMap { index in
                    let base = bases.load(fromByteOffset: index * 8, as: UInt64.self)
                    let size = sizes.load(fromByteOffset: index * 8, as: UInt64.self)
                    guard size > 0 else { return nil }
                    // The low bits are flags: PCI Local Bus Specification 3.0, 6.2.5.1.
                    let kind: HostPCIFunction.BAR.Kind = base & 1 == 1 ? .ports : base & 6 == 4 ? .memory64 : .memory32
                    let address = base & (kind == .ports ? ~3 : ~15)
                    return .init(
                        index: index, kind: kind, isPrefetchable: kind != .ports && base & 8 != 0, address: address,
                        size: size)
                }
            }
        }
    }

    private static func capabilities(_ device: UnsafeMutablePointer<pci_dev>) -> [HostPCICapability] {
        var list: [HostPCICapability] = []
        var next = device.pointee.first_cap
        while let capability = next?.pointee {
            list.append(
                .init(id: capability.id, isExtended: capability.type == PCI_CAP_EXTENDED, offset: Int(capability.addr)))
            next = capability.next
        }
        return list
    }

    /// Reads Multiple Message Capable, bits 3..1 of Message Control (PCI Local Bus Specification 3.0, 6.8.1.3).
    private static func msiVectors(_ device: UnsafeMutablePointer<pci_dev>, _ capabilities: [HostPCICapability]) -> Int
    {
        guard let msi = capabilities.first(where: { $0.kind == .msi }) else { return 0 }
        return 1 << min(5, (cpci_read(device, Int32(msi.offset + 2), 2) >> 1) & 7)
    }

    /// Reads Table Size, bits 10..0 of Message Control: the number of entries minus one (same, 6.8.2.3).
    private static func msixVectors(_ device: UnsafeMutablePointer<pci_dev>, _ capabilities: [HostPCICapability]) -> Int
    {
        guard let msix = capabilities.first(where: { $0.kind == .msix }) else { return 0 }
        return Int(cpci_read(device, Int32(msix.offset + 2), 2) & 0x7ff) + 1
    }

    /// Reads bit 28 of PCI Express's Device Capabilities (PCI Express Base Specification 5.0, 7.5.3.3), or bit 1 of
    /// Advanced Features' AF Capabilities (its Engineering Change Notice of 2006).
    private static func hasFunctionLevelReset(
        _ device: UnsafeMutablePointer<pci_dev>, _ capabilities: [HostPCICapability]
    ) -> Bool {
        capabilities.contains { capability in
            switch capability.kind {
            case .pciExpress: cpci_read(device, Int32(capability.offset + 4), 4) & 1 << 28 != 0
            case .advancedFeatures: cpci_read(device, Int32(capability.offset + 3), 1) & 1 << 1 != 0
            default: false
            }
        }
    }

    private func names(_ device: pci_dev) -> HostPCIFunction.Names {
        let (vendor, number) = (device.vendor_id, device.device_id)
        let (subsystemVendor, subsystem) = (device.subsys_vendor_id, device.subsys_id)
        let hasSubsystem = subsystemVendor != 0 && subsystemVendor != 0xffff
        return .init(
            vendor: name([PCI_LOOKUP_VENDOR], vendor), device: name([PCI_LOOKUP_DEVICE], vendor, number),
            subsystem: hasSubsystem
                ? name([PCI_LOOKUP_SUBSYSTEM, PCI_LOOKUP_DEVICE], vendor, number, subsystemVendor, subsystem) : nil,
            class: name([PCI_LOOKUP_CLASS], device.device_class))
    }

    private func name(
        _ kind: [pci_lookup_mode], _ first: UInt16, _ second: UInt16 = 0, _ third: UInt16 = 0, _ fourth: UInt16 = 0
    )
        -> String?
    {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let kinds = Int32(bitPattern: kind.reduce(0) { $0 | $1.rawValue })
            let name = cpci_name(
                access, base, Int32(buffer.count), kinds, Int32(first), Int32(second), Int32(third), Int32(fourth))
            return name.map { String(cString: $0) }
        }
    }
}
