import Glibc
public import PCI

/// What on the host would notice if a function were taken away.
public enum DeviceUse: Sendable, Equatable, CustomStringConvertible {
    /// A network interface of it is up.
    case interfaceUp(String)
    /// A file system on it is mounted, or it is swapped to.
    case mounted(device: String, at: String)
    /// A process has it open through VFIO.
    case opened(process: Int, name: String)

    /// What is in use, to follow the function's name and a colon.
    public var description: String {
        switch self {
        case .interfaceUp(let name): "its network interface \(name) is up"
        case .mounted(let device, let place): "its disk \(device) is in use at \(place)"
        case .opened(let process, let name): "process \(process) (\(name)) has it open"
        }
    }

    /// What ends the use.
    public var fix: String {
        switch self {
        case .interfaceUp(let name): "ip link set \(name) down"
        case .mounted(_, let place): place == "swap" ? "swapoff" : "umount \(place)"
        case .opened(let process, _): "end process \(process)"
        }
    }

    /// Everything the host uses a function for, as far as this user may see it.
    /// - Parameters:
    ///   - address: the function
    ///   - tree: the host, or a made-up one
    public static func all(of address: PCIAddress, tree: HostTree = HostTree()) -> [DeviceUse] {
        ofHost(address, tree: tree) + openers(tree, address)
    }

    /// What the host's own drivers are used for, without the processes that hold the function through VFIO.
    /// - Parameters:
    ///   - address: the function
    ///   - tree: the host, or a made-up one
    public static func ofHost(_ address: PCIAddress, tree: HostTree = HostTree()) -> [DeviceUse] {
        let folder = HostTree.folder(address)
        return interfaces(tree, folder) + mounts(tree, folder)
    }

    /// How deep below a function its interfaces and disks lie: nvme/nvme0/nvme0n1, ata1/host0/target0:0:0/0:0:0:0/block/sda.
    private static let depth = 6

    private static func children(_ tree: HostTree, _ folder: String, of kind: String, depth: Int = depth) -> [String] {
        let found = tree.names(in: "\(folder)/\(kind)").map { "\(folder)/\(kind)/\($0)" }
        guard depth > 0 else { return found }
        let below = tree.names(in: folder).filter { name in
            // Links lead out of the function; another function's folder lies below a bridge.
            name != kind && PCIAddress(name) == nil && tree.linkTarget("\(folder)/\(name)") == nil && tree.isFolder("\(folder)/\(name)")
        }
        return found + below.flatMap { children(tree, "\(folder)/\($0)", of: kind, depth: depth - 1) }
    }

    private static func interfaces(_ tree: HostTree, _ folder: String) -> [DeviceUse] {
        children(tree, folder, of: "net").compactMap { interface in
            guard let flags = try? tree.text("\(interface)/flags"), let number = UInt32(flags.dropFirst(2), radix: 16),
                number & UInt32(IFF_UP) != 0, let name = interface.split(separator: "/").last
            else { return nil }
            return .interfaceUp(String(name))
        }
    }

    private static func mounts(_ tree: HostTree, _ folder: String) -> [DeviceUse] {
        var disks = children(tree, folder, of: "block")
        // NVMe keeps its disks directly below the controller.
        for controller in tree.names(in: "\(folder)/nvme") {
            let path = "\(folder)/nvme/\(controller)"
            disks += tree.names(in: path).filter { $0.hasPrefix("nvme") }.map { "\(path)/\($0)" }
        }
        let names = disks.flatMap { disk in
            let name = disk.split(separator: "/").last.map(String.init) ?? ""
            return [name] + tree.names(in: disk).filter { $0.hasPrefix(name) }
        }
        guard !names.isEmpty else { return [] }
        let mounts = (try? tree.text("proc/mounts")) ?? ""
        let swaps = (try? tree.text("proc/swaps")) ?? ""
        let places = mounts.split(separator: "\n").compactMap { line -> (device: Substring, place: Substring)? in
            let fields = line.split(separator: " ")
            return fields.count > 1 ? (fields[0], fields[1]) : nil
        }
        let swapped = swaps.split(separator: "\n").compactMap {
            $0.split(separator: " ").first.map { (device: $0, place: Substring("swap")) }
        }
        return (places + swapped).compactMap { used in
            guard used.device.hasPrefix("/dev/"), names.contains(String(used.device.dropFirst(5))) else { return nil }
            return .mounted(device: String(used.device), at: String(used.place))
        }
    }

    private static func openers(_ tree: HostTree, _ address: PCIAddress) -> [DeviceUse] {
        var nodes: Set<String> = []
        if let group = tree.iommuGroup(of: address) { nodes.insert("/dev/vfio/\(group)") }
        for device in tree.names(in: "\(HostTree.folder(address))/vfio-dev") { nodes.insert("/dev/vfio/devices/\(device)") }
        guard !nodes.isEmpty else { return [] }
        return openers(tree, of: nodes)
    }

    /// The processes that have one of these files open; those of other users are seen by root only.
    static func openers(_ tree: HostTree, of paths: Set<String>) -> [DeviceUse] {
        tree.names(in: "proc").compactMap { name in
            guard let process = Int(name),
                tree.names(in: "proc/\(name)/fd").contains(where: { tree.linkTarget("proc/\(name)/fd/\($0)").map(paths.contains) ?? false })
            else { return nil }
            return .opened(process: process, name: (try? tree.text("proc/\(name)/comm")) ?? "?")
        }
    }
}
