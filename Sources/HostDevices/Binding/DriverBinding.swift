import LinuxSystem
public import PCI

/// Binds host functions to a driver that holds them for a guest, and restores their drivers.
///
/// It uses `driver_override` and `drivers_probe` (Documentation/ABI/testing/sysfs-bus-pci), which name one function
/// and, unlike `new_id`, leave no trace in the driver. Each step is verified by the function's driver link.
///
/// A function's previous state is stored in /run/swiftlet/bindings, one file per function, until it is restored. Like
/// the bindings, /run does not survive a reboot.
public struct DriverBinding: Sendable {
    private let tree: HostFilesystem

    /// The drivers that hold a function for a guest.
    public enum Holder: String, Sendable, CaseIterable {
        /// For VFIO.
        case vfioPCI = "vfio-pci"
        /// For the legacy KVM device assignment of Linux up to 4.11; it also keeps host drivers away from other
        /// functions of a group.
        case pciStub = "pci-stub"
    }

    /// Works on a host.
    /// - Parameter tree: this host, or a mock tree
    public init(tree: HostFilesystem = HostFilesystem()) { self.tree = tree }

    /// Binds functions to a holder: all of them, or after an error none.
    /// - Parameters:
    ///   - addresses: the functions
    ///   - holder: the new driver
    ///   - force: also bind functions that the host uses or depends on
    /// - Returns: the functions whose driver changed; the others already had the holder.
    @discardableResult
    public func bind(_ addresses: [PCIAddress], to holder: Holder, force: Bool = false) throws(DriverBindingError)
        -> [PCIAddress]
    {
        // Everything that can be checked in advance is checked before the first change.
        guard tree.exists("sys/bus/pci/drivers/\(holder.rawValue)") else { throw .driverIsNotLoaded(holder.rawValue) }
        var moving: [PCIAddress] = []
        for address in addresses {
            try checkMovable(address)
            if !force, tree.isBridgeByClass(address) { throw .isPartOfHost(address) }
            guard tree.driver(of: address) != holder.rawValue, !moving.contains(address) else { continue }
            try checkIdle(address, force)
            moving.append(address)
        }
        var moved: [PCIAddress] = []
        for address in moving {
            do throws(DriverBindingError) {
                try remember(address)
                moved.append(address)
                try move(address, to: holder.rawValue)
            } catch {
                if let second = undo(moved) { throw .couldNotBePutBack(second, after: error) }
                throw error
            }
        }
        return moving
    }

    /// Restores the drivers that functions had before `bind`; if unknown, the kernel chooses the driver. Every function
    /// is tried; the first error is thrown at the end.
    /// - Parameters:
    ///   - addresses: the functions
    ///   - force: also if a guest is using one; the kernel then waits until the guest releases it
    public func release(_ addresses: [PCIAddress], force: Bool = false) throws(DriverBindingError) {
        var first: DriverBindingError?
        for address in addresses {
            do throws(DriverBindingError) {
                try checkMovable(address)
                if isToBeUnbound(address) { try checkIdle(address, force) }
                try putBack(address)
            } catch { first = first ?? error }
        }
        if let first { throw first }
    }

    /// The functions that were bound and not released.
    public var bound: [PCIAddress] { tree.names(in: Self.memory).compactMap { PCIAddress($0) }.sorted() }

    // MARK: What a function was before

    private static let memory = "run/swiftlet/bindings"

    /// The previous driver and override of a function; nil for none.
    private struct Former {
        let driver: String?
        let override: String?
    }

    private func remember(_ address: PCIAddress) throws(DriverBindingError) {
        let driver = tree.driver(of: address) ?? ""
        // A second bind must not record the first one's holder as the host's driver. With any other driver the record
        // is out of date.
        if Holder(rawValue: driver) != nil, tree.exists("\(Self.memory)/\(address)") { return }
        let override = current(address)
        try reporting(address) { () throws(SystemCallError) in
            try tree.create("\(Self.memory)/\(address)", "driver=\(driver)\noverride=\(override ?? "")\n")
        }
    }

    private func former(_ address: PCIAddress) -> Former? {
        guard let text = try? tree.text("\(Self.memory)/\(address)") else { return nil }
        func value(_ key: String) -> String? {
            let line = text.split(separator: "\n").first { $0.hasPrefix("\(key)=") }
            return line.map { String($0.dropFirst(key.count + 1)) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        return Former(driver: value("driver"), override: value("override"))
    }

    /// Returns the current override, which the kernel shows as `(null)` if unset.
    private func current(_ address: PCIAddress) -> String? {
        guard let override = try? tree.text("\(HostFilesystem.folder(address))/driver_override"), !override.isEmpty,
            override != "(null)"
        else {
            return nil
        }
        return override
    }

    // MARK: Steps

    private func checkMovable(_ address: PCIAddress) throws(DriverBindingError) {
        guard tree.exists(HostFilesystem.folder(address)) else { throw .notFound(address) }
        guard !tree.isBridge(address) else { throw .isBridge(address) }
    }

    private func checkIdle(_ address: PCIAddress, _ force: Bool) throws(DriverBindingError) {
        if !force, let use = DeviceUse.all(of: address, tree: tree).first { throw .isInUse(address, use) }
    }

    private func move(_ address: PCIAddress, to driver: String) throws(DriverBindingError) {
        try reporting(address) { () throws(SystemCallError) in
            try tree.write(driver, to: "\(HostFilesystem.folder(address))/driver_override")
            try unbind(address)
            try tree.write("\(address)", to: "sys/bus/pci/drivers_probe")
        }
        try verify(address, driver)
    }

    /// Restores all of them, last first, and returns the first error.
    private func undo(_ addresses: [PCIAddress]) -> DriverBindingError? {
        var first: DriverBindingError?
        for address in addresses.reversed() {
            do throws(DriverBindingError) { try putBack(address) } catch { first = first ?? error }
        }
        return first
    }

    /// Returns true if restoring removes it from its driver. If the previous driver is unknown, only a holder is
    /// removed.
    private func isToBeUnbound(_ address: PCIAddress) -> Bool {
        guard let driver = tree.driver(of: address) else { return false }
        return former(address).map { $0.driver != driver } ?? (Holder(rawValue: driver) != nil)
    }

    private func putBack(_ address: PCIAddress) throws(DriverBindingError) {
        let former = former(address)
        if let driver = former?.driver, !tree.exists("sys/bus/pci/drivers/\(driver)") {
            throw .driverIsNotLoaded(driver)
        }
        try reporting(address) { () throws(SystemCallError) in
            if current(address) != former?.override {
                // A line feed alone clears it.
                try tree.write(former?.override ?? "\n", to: "\(HostFilesystem.folder(address))/driver_override")
            }
            if isToBeUnbound(address) { try unbind(address) }
            guard tree.driver(of: address) == nil else { return }
            if let former {
                if let driver = former.driver { try tree.write("\(address)", to: "sys/bus/pci/drivers/\(driver)/bind") }
            } else {
                try tree.write("\(address)", to: "sys/bus/pci/drivers_probe")
            }
        }
        if let former { try verify(address, former.driver) }
        try reporting(address) { () throws(SystemCallError) in try tree.remove("\(Self.memory)/\(address)") }
    }

    private func unbind(_ address: PCIAddress) throws(SystemCallError) {
        guard tree.driver(of: address) != nil else { return }
        try tree.write("\(address)", to: "\(HostFilesystem.folder(address))/driver/unbind")
    }

    private func verify(_ address: PCIAddress, _ driver: String?) throws(DriverBindingError) {
        let has = tree.driver(of: address)
        guard has != driver else { return }
        throw .wasNotTaken(
            address, by: driver ?? "no driver", has: has, hasIOMMUGroup: tree.iommuGroup(of: address) != nil)
    }

    private func reporting(_ address: PCIAddress, _ step: () throws(SystemCallError) -> Void) throws(DriverBindingError)
    {
        do throws(SystemCallError) { try step() } catch {
            switch error.errno {
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: throw .isNotPermitted(error)
            default: throw .failed(address, error)
            }
        }
    }
}
