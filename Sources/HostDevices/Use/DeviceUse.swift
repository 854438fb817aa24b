import Glibc
public import PCI

/// A use of a function by the host, which would be interrupted if the function were taken away.
public enum DeviceUse: Sendable, Equatable, CustomStringConvertible {
    /// One of its network interfaces is up.
    case interfaceUp(String)
    /// The host's default route uses one of its network interfaces, possibly through a bridge or bond.
    case defaultRoute(String)
    /// A program or another layer of the kernel (RAID, LVM, ZFS) has exclusive use of one of its disks.
    case claimed(device: String)
    /// A file system or swap space on one of its disks is in use.
    case mounted(device: String, at: String)
    /// A process has opened it through VFIO.
    case opened(process: Int, name: String)

    /// The description, to follow the function's name and a colon.
    public var description: String {
        switch self {
        case .interfaceUp(let name): "its network interface \(name) is up"
        case .defaultRoute(let name): "the host's default route goes by its network interface \(name)"
        case .claimed(let device): "its disk \(device) is in use"
        case .mounted(let device, let place): "its disk \(device) is in use at \(place)"
        case .opened(let process, let name): "process \(process) (\(name)) has it open"
        }
    }

    /// The way to end the use.
    public var fix: String {
        switch self {
        case .interfaceUp(let name): "ip link set \(name) down"
        case .defaultRoute: "choose another device"
        case .claimed(let device): "see what holds it: lsblk \(device)"
        case .mounted(_, "/"): "choose another device"
        case .mounted(_, let place): place == "swap" ? "swapoff" : "umount \(place)"
        case .opened(let process, _): "end process \(process)"
        }
    }

    /// Returns all uses of a function that this user may see.
    /// - Parameters:
    ///   - address: the function
    ///   - tree: the host, or a mock tree
    public static func all(of address: PCIAddress, tree: HostFilesystem = HostFilesystem()) -> [DeviceUse] {
        ofHost(address, tree: tree) + openers(tree, address)
    }

    /// Returns the uses by way of the host's own drivers, without processes that hold the function through VFIO.
    /// - Parameters:
    ///   - address: the function
    ///   - tree: the host, or a mock tree
    public static func ofHost(_ address: PCIAddress, tree: HostFilesystem = HostFilesystem()) -> [DeviceUse] {
        let folder = HostFilesystem.folder(address)
        return interfaces(tree, folder) + mounts(tree, folder)
    }

    /// The depth of interfaces and disks below a function: nvme/nvme0/nvme0n1,
    /// ata1/host0/target0:0:0/0:0:0:0/block/sda.
    ///
    /// Behind a hub of USB or an expander of SAS they are deeper.
    private static let depth = 10

    private static func children(_ tree: HostFilesystem, _ folder: String, of kind: String, depth: Int = depth)
        -> [String]
    {
        let found = tree.names(in: "\(folder)/\(kind)").map { "\(folder)/\(kind)/\($0)" }
        guard depth > 0 else { return found }
        let below = tree.names(in: folder).filter { name in
            // Links lead out of the function; below a bridge are folders of other functions.
            name != kind && PCIAddress(name) == nil && tree.linkTarget("\(folder)/\(name)") == nil
                && tree.isFolder("\(folder)/\(name)")
        }
        return found + below.flatMap { children(tree, "\(folder)/\($0)", of: kind, depth: depth - 1) }
    }

    private static func interfaces(_ tree: HostFilesystem, _ folder: String) -> [DeviceUse] {
        let routed = DefaultRoute.interfaces(tree)
        return children(tree, folder, of: "net").compactMap { interface in
            guard let flags = try? tree.text("\(interface)/flags"), let number = UInt32(flags.dropFirst(2), radix: 16),
                number & UInt32(IFF_UP) != 0, let name = interface.split(separator: "/").last
            else { return nil }
            return carriesDefaultRoute(interface, in: tree, routed: routed)
                ? .defaultRoute(String(name)) : .interfaceUp(String(name))
        }
    }

    /// Returns true if an interface, or one above it (a bridge, bond or VLAN), is in `routed`.
    private static func carriesDefaultRoute(
        _ interface: String, in tree: HostFilesystem, routed: Set<String>, depth: Int = 4
    ) -> Bool {
        if let name = interface.split(separator: "/").last, routed.contains(String(name)) { return true }
        guard depth > 0 else { return false }
        let above = tree.names(in: interface).compactMap { name in
            name.hasPrefix("upper_")
                ? String(name.dropFirst(6)) : name == "master" ? tree.linkedName("\(interface)/master") : nil
        }
        return above.contains { carriesDefaultRoute("sys/class/net/\($0)", in: tree, routed: routed, depth: depth - 1) }
    }

    private static func mounts(_ tree: HostFilesystem, _ folder: String) -> [DeviceUse] {
        var disks = children(tree, folder, of: "block")
        // NVMe's disks are directly below the controller, or below a subsystem of several.
        for controller in tree.names(in: "\(folder)/nvme") {
            let path = "\(folder)/nvme/\(controller)"
            disks += tree.names(in: path).filter { $0.hasPrefix("nvme") }.map { "\(path)/\($0)" }
            for subsystem in tree.names(in: "sys/class/nvme-subsystem") {
                let shared = "sys/class/nvme-subsystem/\(subsystem)"
                guard tree.exists("\(shared)/\(controller)") else { continue }
                disks += tree.names(in: shared).filter {
                    $0.hasPrefix("nvme") && $0.contains("n") && tree.exists("\(shared)/\($0)/dev")
                }
                .map { "\(shared)/\($0)" }
            }
        }
        return disks.isEmpty ? [] : DiskUse(tree).uses(of: disks)
    }

    private static func openers(_ tree: HostFilesystem, _ address: PCIAddress) -> [DeviceUse] {
        var nodes: Set<String> = []
        if let group = tree.iommuGroup(of: address) { nodes.insert("/dev/vfio/\(group)") }
        for device in tree.names(in: "\(HostFilesystem.folder(address))/vfio-dev") {
            nodes.insert("/dev/vfio/devices/\(device)")
        }
        guard !nodes.isEmpty else { return [] }
        return openers(tree, of: nodes)
    }

    /// Returns the processes that have opened one of these files; only root sees those of other users.
    static func openers(_ tree: HostFilesystem, of paths: Set<String>) -> [DeviceUse] {
        tree.names(in: "proc").compactMap { name in
            guard let process = Int(name),
                tree.names(in: "proc/\(name)/fd").contains(where: {
                    tree.linkTarget("proc/\(name)/fd/\($0)").map(paths.contains) ?? false
                })
            else { return nil }
            return .opened(process: process, name: (try? tree.text("proc/\(name)/comm")) ?? "?")
        }
    }
}
