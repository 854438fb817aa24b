public import LinuxSystem

/// The loadable modules of one kernel, from the lists that depmod(8) makes.
public struct KernelModules: Sendable {
    /// The base of the paths below.
    public let directory: String
    /// The path of each module by its name, with `_` for `-`.
    private let paths: [String: String]
    /// The modules that each path requires, in the order of modules.dep(5).
    private let dependencies: [String: [String]]
    /// Names of modules that are part of the kernel itself.
    private let builtIn: Set<String>

    /// Creates an empty list: a kernel with everything built in.
    public init() {
        self.init(directory: "", dependencyList: "", builtInList: "")
    }

    /// Reads modules.dep and, if it exists, modules.builtin.
    public init(directory: String) throws(SystemCallError) {
        let dependencyList = try HostFile.contents("\(directory)/modules.dep")
        let builtInList = (try? HostFile.contents("\(directory)/modules.builtin")) ?? []
        self.init(
            directory: directory, dependencyList: String(decoding: dependencyList, as: UTF8.self),
            builtInList: String(decoding: builtInList, as: UTF8.self))
    }

    public init(directory: String, dependencyList: String, builtInList: String) {
        self.directory = directory
        var paths: [String: String] = [:]
        var dependencies: [String: [String]] = [:]
        for line in dependencyList.utf8.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), let path = String(line[..<colon]) else {
                continue
            }
            paths[Self.name(ofPath: path)] = path
            let needed = line[line.index(after: colon)...].split(separator: UInt8(ascii: " "))
            if !needed.isEmpty { dependencies[path] = needed.compactMap { String($0) } }
        }
        self.paths = paths
        self.dependencies = dependencies
        builtIn = Set(builtInList.split(separator: "\n").map { Self.name(ofPath: String($0)) })
    }

    /// Returns true if the kernel has this module, loadable or built in.
    public func has(_ name: String) -> Bool {
        let name = Self.normalized(name)
        return paths[name] != nil || builtIn.contains(name)
    }

    /// Returns the files to load for `names`, each after its dependencies; built-in or unknown names have none.
    public func loadOrder(_ names: [String]) -> [String] {
        var order: [String] = []
        var seen: Set<String> = []
        func visit(_ path: String) {
            guard seen.insert(path).inserted else { return }
            // modules.dep lists dependencies so that the last is to be loaded first.
            for needed in (dependencies[path] ?? []).reversed() { visit(needed) }
            order.append(path)
        }
        for name in names { if let path = paths[Self.normalized(name)] { visit(path) } }
        return order
    }

    private static func normalized(_ name: String) -> String {
        name.contains("-") ? String(name.map { $0 == "-" ? "_" : $0 }) : name
    }

    /// Returns a module's name: `vfio_pci` for `kernel/drivers/vfio/pci/vfio-pci.ko.xz`.
    public static func name(ofPath path: String) -> String {
        let file = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[path.utf8.index(after: $0)...] } ?? path[...]
        let stem = file.utf8.firstIndex(of: UInt8(ascii: ".")).map { file[..<$0] } ?? file
        return normalized(String(stem))
    }
}
