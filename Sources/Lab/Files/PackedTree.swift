import Glibc
import HostSystem
import LinuxSystem
import SystemPackage

/// A part of this machine's file system, to be packed into the lab's initramfs: files at their own paths, with the
/// directories and symbolic links that lead to them.
struct PackedTree: Sendable {
    enum Node: Equatable, Sendable {
        case directory(permissions: UInt32)
        /// A file of this machine.
        case file(permissions: UInt32, size: Int)
        /// A file that the lab generates.
        case contents([UInt8], permissions: UInt32)
        case link(target: String)
    }

    /// By path, absolute and without symbolic links.
    private(set) var nodes: [String: Node] = [:]

    /// The directories that the lab's host mounts itself.
    static let ownMounts = ["/proc", "/sys", "/dev"]

    /// The size of all files in bytes.
    var size: Int {
        nodes.values.reduce(0) { sum, node in
            switch node {
            case .file(_, let size): sum + size
            case .contents(let bytes, _): sum + bytes.count
            case .directory, .link: sum
            }
        }
    }

    /// Adds the entry at `path`, which is absolute, and everything that leads to it; for a directory not its contents.
    /// - Returns: the path without symbolic links. If it leads into one of `ownMounts`, it ends there.
    @discardableResult
    mutating func add(_ path: String) throws(SystemCallError) -> String {
        var pending = Self.components(path)
        var resolved = ""
        var links = 0
        while let name = pending.popLast() {
            if name == "." { continue }
            if name == ".." {
                resolved = String(resolved.prefix(upTo: resolved.lastIndex(of: "/") ?? resolved.startIndex))
                continue
            }
            let place = "\(resolved)/\(name)"
            if Self.ownMounts.contains(place) { return place }
            let status = try HostFile.ownStatus(place)
            if status.isSymbolicLink {
                links += 1
                guard links <= 40 else {
                    throw SystemCallError(call: "stat", object: path, errno: Errno(rawValue: ELOOP))
                }
                let target = try HostFile.target(ofLink: place)
                nodes[place] = .link(target: target)
                if target.hasPrefix("/") { resolved = "" }
                pending += Self.components(target)
            } else if status.isDirectory {
                nodes[place] = .directory(permissions: status.permissions)
                resolved = place
            } else {
                guard pending.isEmpty else {
                    throw SystemCallError(call: "stat", object: path, errno: Errno(rawValue: ENOTDIR))
                }
                if status.isRegular { nodes[place] = .file(permissions: status.permissions, size: status.size) }
                resolved = place
            }
        }
        return resolved.isEmpty ? "/" : resolved
    }

    /// Adds the contents of a directory, recursively; the directory itself must be added before. Links stay links; a
    /// regular file they lead to is added too.
    /// - Returns: the files that were added.
    mutating func addContents(of directory: String) throws(SystemCallError) -> [String] {
        var files: [String] = []
        for name in HostFile.names(in: directory).sorted() {
            let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            if Self.ownMounts.contains(path) { continue }
            let status = try HostFile.ownStatus(path)
            if status.isDirectory {
                nodes[path] = .directory(permissions: status.permissions)
                files += try addContents(of: path)
            } else if status.isRegular {
                nodes[path] = .file(permissions: status.permissions, size: status.size)
                files.append(path)
            } else if status.isSymbolicLink {
                nodes[path] = .link(target: try HostFile.target(ofLink: path))
                if HostFile.status(path)?.isRegular == true { files.append(try add(path)) }
            }
        }
        return files
    }

    /// Adds a generated file, at a path without symbolic links, unless the path is already used.
    mutating func addIfAbsent(_ path: String, _ node: Node) {
        if nodes[path] == nil { nodes[path] = node }
    }

    /// Puts everything into an archive, below `prefix`.
    func write(to archive: inout CPIOArchive, below prefix: String) throws(SystemCallError) {
        // In this order a directory comes before its contents.
        for (path, node) in nodes.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            switch node {
            case .directory(let permissions): archive.addDirectory(prefix + path, permissions: permissions)
            case .file(let permissions, let size):
                // The format has 32-bit sizes.
                guard size <= UInt32.max else {
                    throw SystemCallError(call: "pack", object: path, errno: Errno(rawValue: EFBIG))
                }
                archive.addFile(prefix + path, contents: try HostFile.contents(path), permissions: permissions)
            case .contents(let bytes, let permissions):
                archive.addFile(prefix + path, contents: bytes, permissions: permissions)
            case .link(let target): archive.addSymbolicLink(prefix + path, to: target)
            }
        }
    }

    /// Returns the parts of a path, the last first.
    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").reversed().map(String.init)
    }
}
