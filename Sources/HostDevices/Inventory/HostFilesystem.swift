import Glibc
public import LinuxSystem
public import PCI
public import SystemPackage

/// The kernel's files about devices: /sys, /dev, /proc and /run, below a root that tests can replace.
public struct HostFilesystem: Sendable {
    /// The folder that holds `sys`, `dev`, `proc` and `run`.
    public let root: FilePath

    // Replaces the kernel's reaction to a write, which a mock tree lacks.
    private let afterWrite: (@Sendable (_ path: String, _ text: String) -> Void)?

    /// Creates the tree of this host, or a mock tree.
    public init(root: FilePath = "/") {
        self.root = root
        self.afterWrite = nil
    }

    init(root: FilePath, afterWrite: @escaping @Sendable (_ path: String, _ text: String) -> Void) {
        self.root = root
        self.afterWrite = afterWrite
    }

    /// Returns the folder of a PCI function, relative to the root.
    public static func folder(_ address: PCIAddress) -> String { "sys/bus/pci/devices/\(address)" }

    /// Returns the full path of a file given relative to the root.
    public func path(_ relative: String) -> String { root.pushing(FilePath(relative)).string }

    /// Returns true if a file, a folder or a link's target exists.
    public func exists(_ relative: String) -> Bool { access(path(relative), F_OK) == 0 }

    /// Returns true if a folder exists.
    func isFolder(_ relative: String) -> Bool {
        var status = stat()
        return stat(path(relative), &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Returns a file's text without trailing white space; reads at most 64 KiB.
    public func text(_ relative: String) throws(SystemCallError) -> String {
        let path = path(relative)
        let file = try Descriptor(opening: path, flags: O_RDONLY)
        var bytes: [UInt8] = []
        while bytes.count < 65536 {
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(file.raw, &chunk, chunk.count)
            if count < 0 && Glibc.errno == EINTR { continue }
            guard count >= 0 else { throw .last("read", path) }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a text in one call, as files of sysfs require; never creates a file.
    public func write(_ text: String, to relative: String) throws(SystemCallError) {
        let path = path(relative)
        try put(text, into: path, flags: O_WRONLY | O_TRUNC)
        afterWrite?(relative, text)
    }

    /// Writes a file of our own, creating it and its folders.
    func create(_ relative: String, _ text: String) throws(SystemCallError) {
        var folder = root
        for component in FilePath(relative).removingLastComponent().components {
            folder.append(component)
            guard mkdir(folder.string, 0o755) == 0 || Glibc.errno == EEXIST else { throw .last("mkdir", folder.string) }
        }
        try put(text, into: path(relative), flags: O_WRONLY | O_CREAT | O_TRUNC)
    }

    /// Removes a file of our own, if it exists.
    func remove(_ relative: String) throws(SystemCallError) {
        guard unlink(path(relative)) == 0 || Glibc.errno == ENOENT else { throw .last("unlink", path(relative)) }
    }

    private func put(_ text: String, into path: String, flags: Int32) throws(SystemCallError) {
        let file = try Descriptor(opening: path, flags: flags)
        let bytes = Array(text.utf8)
        var count: Int
        repeat { count = Glibc.write(file.raw, bytes, bytes.count) } while count < 0 && Glibc.errno == EINTR
        guard count >= 0 else { throw .last("write", path) }
        guard count == bytes.count else { throw SystemCallError(call: "write", object: path, errno: .ioError) }
    }

    /// Returns the last component of a link's target, nil if there is no link.
    public func linkedName(_ relative: String) -> String? {
        linkTarget(relative).flatMap { FilePath($0).lastComponent?.string }
    }

    /// Returns a link's target, nil if there is no link.
    func linkTarget(_ relative: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path(relative), &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Returns the names in a folder, sorted; none if it can't be read.
    public func names(in relative: String) -> [String] {
        guard let folder = opendir(path(relative)) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Returns the driver a PCI function is bound to, nil if none.
    public func driver(of address: PCIAddress) -> String? { linkedName("\(Self.folder(address))/driver") }

    /// Returns the number of a PCI function's IOMMU group, nil if it has none.
    public func iommuGroup(of address: PCIAddress) -> Int? {
        linkedName("\(Self.folder(address))/iommu_group").flatMap { Int($0) }
    }

    /// Returns true if a PCI function has a bridge's header (PCI Local Bus Specification 3.0, 6.1: header type 1 or 2).
    func isBridge(_ address: PCIAddress) -> Bool {
        guard let file = try? Descriptor(opening: path("\(Self.folder(address))/config"), flags: O_RDONLY) else {
            return false
        }
        var headerType: UInt8 = 0
        guard pread(file.raw, &headerType, 1, 0x0e) == 1 else { return false }
        return headerType & 0x7f == 1 || headerType & 0x7f == 2
    }

    /// Returns true if a PCI function's class is a host, ISA or other bridge, with any header.
    func isBridgeByClass(_ address: PCIAddress) -> Bool {
        guard let text = try? text("\(Self.folder(address))/class"), let number = UInt32(text.dropFirst(2), radix: 16)
        else { return false }
        return HostPCIFunction.isBridge(classCode: UInt16(truncatingIfNeeded: number >> 8))
    }
}
