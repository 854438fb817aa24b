import Glibc
import LinuxSystem
public import PCI

/// Checks if a function of the host can be passed to a guest, and what prevents it.
public struct DeviceReadiness: Sendable {
    private let tree: HostFilesystem
    private let interface: AssignmentInterface
    private let lockedMemory: LockedMemoryLimit?

    /// One requirement.
    public struct Check: Sendable, Equatable {
        /// The subject of the check: `driver`, `IOMMU group` ...
        public let title: String
        public let outcome: Outcome
    }

    /// The result of a check.
    public enum Outcome: Sendable, Equatable {
        /// The requirement is met.
        case passed(String)
        /// The requirement is not met.
        case failed(DeviceNotReady)
        /// An earlier failure made this check impossible.
        case notReached
    }

    /// Inspects a host.
    /// - Parameters:
    ///   - interface: the kernel interface to be used
    ///   - tree: this host, or a mock tree
    ///   - lockedMemory: the limit to check against; nil: this process's
    public init(
        _ interface: AssignmentInterface = .group, tree: HostFilesystem = HostFilesystem(),
        lockedMemory: LockedMemoryLimit? = nil
    ) {
        self.interface = interface
        self.tree = tree
        self.lockedMemory = lockedMemory
    }

    /// Makes sure that a function can be passed to a guest by VFIO groups now.
    /// - Parameters:
    ///   - address: the function
    ///   - guestMemory: bytes of guest memory that will be pinned
    ///   - tree: this host, or a mock tree
    ///   - lockedMemory: the limit to check against; nil: this process's
    /// - Returns: the number of its IOMMU group.
    /// - Throws: the first requirement that is not met.
    @discardableResult
    public static func check(
        _ address: PCIAddress, guestMemory: UInt64 = 0, tree: HostFilesystem = HostFilesystem(),
        lockedMemory: LockedMemoryLimit? = nil
    ) throws(DeviceNotReady) -> Int {
        let readiness = DeviceReadiness(tree: tree, lockedMemory: lockedMemory)
        try readiness.demand(address, guestMemory: guestMemory)
        // It existed during the checks, but the function may have been unplugged since.
        guard let group = tree.iommuGroup(of: address) else {
            throw .hasNoIOMMUGroup(address, cause: readiness.missingIOMMU())
        }
        return group
    }

    /// Throws the first requirement that a function does not meet.
    public func demand(_ address: PCIAddress, guestMemory: UInt64, isReserved: Bool = false) throws(DeviceNotReady) {
        for check in checks(address, guestMemory: guestMemory, isReserved: isReserved) {
            if case .failed(let reason) = check.outcome { throw reason }
        }
    }

    /// Returns every check with its result, in the order in which they should be fixed.
    /// - Parameters:
    ///   - address: the function
    ///   - guestMemory: bytes of guest memory that will be pinned
    ///   - isReserved: the host has reserved that memory already: huge pages
    public func checks(_ address: PCIAddress, guestMemory: UInt64 = 0, isReserved: Bool = false) -> [Check] {
        let missingMemory = isReserved ? nil : checkAvailableMemory(guestMemory)
        let presence = checkPresence(address)
        let kind = presence.isPassed ? checkKind(address) : .notReached
        if interface == .kvm {
            // For the rest, the IOMMU and the other members of its group, this kernel has only the errno of
            // KVM_ASSIGN_PCI_DEVICE.
            return [
                Check(title: "presence", outcome: presence),
                Check(title: "kind", outcome: kind),
                Check(title: "driver", outcome: kind.isPassed ? checkHolder(address) : .notReached),
                Check(title: "memory", outcome: missingMemory ?? .passed("there is enough to pin")),
            ]
        }
        let group = kind.isPassed ? IOMMUGroup(of: address, tree: tree) : nil
        let driver = kind.isPassed ? checkDriver(address) : .notReached
        var (companions, access) = (Outcome.notReached, Outcome.notReached)
        if let group {
            companions = checkCompanions(address, group)
            // The group's node appears once vfio-pci has one of its members.
            if driver.isPassed { access = checkNode("/dev/vfio/\(group.number)") }
        }
        return [
            Check(title: "presence", outcome: presence),
            Check(title: "kind", outcome: kind),
            Check(title: "IOMMU", outcome: kind.isPassed ? checkIsolation(address, group) : .notReached),
            Check(title: "driver", outcome: driver),
            Check(title: "companions", outcome: companions),
            Check(title: "VFIO", outcome: checkNode("/dev/vfio/vfio")),
            Check(title: "access", outcome: access),
            Check(title: "locked memory", outcome: missingMemory ?? checkLimit(guestMemory)),
        ]
    }

    private func checkPresence(_ address: PCIAddress) -> Outcome {
        tree.exists(HostFilesystem.folder(address))
            ? .passed("\(address) exists") : .failed(.notFound(address, candidates: candidates(address)))
    }

    /// Returns the functions most similar to the address: those of the same device, then those of the same slot on
    /// other buses, then NICs.
    private func candidates(_ address: PCIAddress) -> [DeviceNotReady.Candidate] {
        guard let host = try? HostPCI(tree: tree), let functions = try? host.functions() else { return [] }
        let usable = functions.filter { !$0.isBridge }
        let sameDevice = usable.filter { $0.address.bus == address.bus && $0.address.device == address.device }
        let sameSlot = usable.filter { $0.address.device == address.device && $0.address.function == address.function }
        let nics = usable.filter(\.isNetworkController)
        var chosen: [PCIAddress] = []
        for function in sameDevice + sameSlot + nics where !chosen.contains(function.address) {
            chosen.append(function.address)
        }
        // Names only for the few that are shown: looking them up reads pci.ids.
        return chosen.prefix(4).compactMap { address in
            guard let function = try? host.function(at: address, named: true) else { return nil }
            return .init(address: address, name: function.name)
        }
    }

    private func checkKind(_ address: PCIAddress) -> Outcome {
        // A user who bound one by force has taken care of it.
        let isHeld = tree.driver(of: address).map { DriverBinding.Holder(rawValue: $0) != nil } ?? false
        guard tree.isBridge(address) || tree.isBridgeByClass(address) && !isHeld else {
            return .passed("a device, not a bridge")
        }
        return .failed(.isBridge(address))
    }

    private func checkIsolation(_ address: PCIAddress, _ group: IOMMUGroup?) -> Outcome {
        guard let group else { return .failed(.hasNoIOMMUGroup(address, cause: missingIOMMU())) }
        return .passed("group \(group.number)")
    }

    private func missingIOMMU() -> DeviceNotReady.MissingIOMMU {
        if !tree.names(in: "sys/class/iommu").isEmpty { return .notCovered }
        // The firmware's tables name the IOMMU that exists.
        if tree.exists("sys/firmware/acpi/tables/DMAR") { return .kernelParameter("intel_iommu=on") }
        if tree.exists("sys/firmware/acpi/tables/IVRS") { return .kernelParameter("amd_iommu=on") }
        let processor = (try? tree.text("proc/cpuinfo")) ?? ""
        let words = processor.split { $0 == " " || $0 == "\n" || $0 == "\t" }
        if words.contains("hypervisor") { return .virtualMachine }
        return .firmware(setting: words.contains("AuthenticAMD") ? "AMD-Vi (IOMMU)" : "Intel VT-d")
    }

    private func checkDriver(_ address: PCIAddress) -> Outcome {
        let driver = tree.driver(of: address)
        guard let driver, driver.contains("vfio") || tree.exists("\(HostFilesystem.folder(address))/vfio-dev") else {
            return .failed(.isNotBound(address, driver: driver))
        }
        return .passed("bound to \(driver)")
    }

    /// Checks that no driver holds the function's ranges, as KVM's own assignment requires, except one that only
    /// reserves it.
    private func checkHolder(_ address: PCIAddress) -> Outcome {
        guard let driver = tree.driver(of: address) else { return .passed("bound to none") }
        guard DriverBinding.Holder(rawValue: driver) != nil else { return .failed(.isHeld(address, driver: driver)) }
        return .passed("bound to \(driver)")
    }

    private func checkCompanions(_ address: PCIAddress, _ group: IOMMUGroup) -> Outcome {
        // The previous check covers the function's own driver.
        let companions = group.members.filter { $0.address != address }
        let culprits = companions.filter { !$0.isViable }
        guard culprits.isEmpty else {
            return .failed(.groupIsNotViable(address, group: group.number, culprits: culprits))
        }
        return .passed(
            companions.isEmpty ? "alone in its group" : "none of the \(companions.count) others has a host driver")
    }

    private func checkNode(_ path: String) -> Outcome {
        let real = tree.path(String(path.dropFirst()))
        do throws(SystemCallError) {
            _ = try Descriptor(opening: real)
            return .passed("\(path) opens")
        } catch {
            switch error.errno {
            case .noSuchFileOrDirectory:
                return .failed(.nodeIsMissing(path: path, hasDeviceNodes: tree.exists("dev/vfio/devices")))
            case .permissionDenied, .notPermitted:
                var status = stat()
                guard stat(real, &status) == 0 else { return .failed(.nodeIsUnusable(error)) }
                let owner = "\(name(of: status.st_uid, in: "etc/passwd")):\(name(of: status.st_gid, in: "etc/group"))"
                return .failed(.nodeIsForbidden(path: path, owner: owner, mode: status.st_mode))
            case .resourceBusy:
                return .failed(.groupIsOpen(path: path, by: DeviceUse.openers(tree, of: [path])))
            default:
                return .failed(.nodeIsUnusable(error))
            }
        }
    }

    /// Returns the name of a user or group; the number if the local file does not list it.
    private func name(of number: UInt32, in file: String) -> String {
        for line in ((try? tree.text(file)) ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, UInt32(fields[2]) == number { return String(fields[0]) }
        }
        return String(number)
    }

    /// Checks the available memory: pinning more would make the kernel kill processes, this one first.
    private func checkAvailableMemory(_ needed: UInt64) -> Outcome? {
        guard let available = availableMemory(), needed > available else { return nil }
        return .failed(.memoryIsShort(needed: needed, available: available))
    }

    private func checkLimit(_ needed: UInt64) -> Outcome {
        guard let limit = lockedMemory ?? (try? .current(tree: tree)) else { return .passed("the limit is not known") }
        guard let bytes = limit.bytes else { return .passed("no limit") }
        guard limit.allows(needed) else { return .failed(.lockedMemoryIsLimited(needed: needed, limit: bytes)) }
        return .passed("limit \(bytes >> 10) KiB")
    }

    /// Returns the number of bytes that the kernel could provide: MemAvailable of proc(5), and the swap space for other
    /// processes.
    private func availableMemory() -> UInt64? {
        guard let text = try? tree.text("proc/meminfo") else { return nil }
        func bytes(_ name: String) -> UInt64? {
            let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            return line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 << 10 }
        }
        return bytes("MemAvailable").map { $0 + (bytes("SwapFree") ?? 0) }
    }
}

extension DeviceReadiness.Outcome {
    /// True if the check passed.
    public var isPassed: Bool {
        if case .passed = self { true } else { false }
    }
}
