import Bytes
import CLinux
import Glibc

/// The place that the path of an output file leads to: the directory, held open, and the last component below it.
///
/// The path is followed component by component, so that each symbolic link is checked before it is followed. In a
/// sticky directory where everybody may create files, such as /tmp, a link must belong to us or to the directory's
/// owner. That is the rule of fs.protected_symlinks (proc(5), Documentation/admin-guide/sysctl/fs.rst), applied also on
/// hosts that have it off, and to links in the middle of a path. Links of procfs are the kernel's own (/dev/stdout is
/// one); the kernel follows them.
struct OutputPath: ~Copyable {
    let directory: Descriptor
    /// The name, zero-terminated; "." if the path ends in a slash.
    let name: [CChar]
    /// True if the last component is a link of procfs: its target is no entry of a directory.
    let isKernelLink: Bool

    /// Opens only the place and no contents: needs no read permission and does not block on a pipe. open(2).
    static let pathOnly = Int32(CL_O_PATH)
    /// The number of links that the kernel follows in a path (`MAXSYMLINKS`).
    private static let linkLimit = 40

    /// - Parameter followsLinks: whether the last component may be a link.
    init(_ path: String, followsLinks: Bool) throws(OutputFileError) {
        var rest = ByteText.bytes(path)[...]
        guard !rest.isEmpty else {
            throw .system(SystemCallError(call: "open", object: path, errno: .noSuchFileOrDirectory))
        }
        var directory = try Self.open(AT_FDCWD, rest.first == UInt8(ascii: "/") ? "/" : ".", path)
        var links = 0
        while true {
            rest = rest.drop { $0 == UInt8(ascii: "/") }
            let component = rest.prefix { $0 != UInt8(ascii: "/") }
            rest = rest[component.endIndex...]
            let isLast = rest.isEmpty
            let name =
                component.isEmpty
                ? [CChar(bitPattern: UInt8(ascii: ".")), 0] : component.map { CChar(bitPattern: $0) } + [0]
            let entry = openat(directory.raw, name, Self.pathOnly | O_NOFOLLOW | O_CLOEXEC)
            if entry < 0, errno == ENOENT, isLast {
                self.init(directory, name)
                return
            }
            guard entry >= 0 else { throw .system(.last("open", path)) }
            let found = Descriptor(owning: entry, object: path)
            let status = try Self.status(found)
            guard status.st_mode & S_IFMT == S_IFLNK else {
                if isLast {
                    self.init(directory, name)
                    return
                }
                directory = found
                continue
            }
            if cl_is_on_proc(directory.raw) != 0 {
                if isLast {
                    self.init(directory, name, isKernelLink: true)
                    return
                }
                directory = try Self.open(directory.raw, name, path)
                continue
            }
            guard followsLinks || !isLast else {
                throw .system(SystemCallError(call: "open", object: path, errno: .tooManySymbolicLinkLevels))
            }
            try Self.check(status, "symbolic link", in: directory)
            links += 1
            guard links <= Self.linkLimit else {
                throw .system(SystemCallError(call: "open", object: path, errno: .tooManySymbolicLinkLevels))
            }
            let target = try Self.target(of: found)
            if target.first == UInt8(ascii: "/") { directory = try Self.open(AT_FDCWD, "/", path) }
            rest = (target + rest)[...]
        }
    }

    private init(_ directory: consuming Descriptor, _ name: [CChar], isKernelLink: Bool = false) {
        self.directory = directory
        self.name = name
        self.isKernelLink = isKernelLink
    }

    /// Refuses an entry of another user in a directory where everybody may create files.
    static func check(_ status: stat, _ kind: String, in directory: borrowing Descriptor) throws(OutputFileError) {
        let parent = try Self.status(directory)
        guard parent.st_mode & S_ISVTX != 0, parent.st_mode & (S_IWOTH | S_IWGRP) != 0 else { return }
        guard status.st_uid == geteuid() || status.st_uid == parent.st_uid else {
            throw .foreign(kind, owner: status.st_uid)
        }
        // Another user may have given a file of ours a second name.
        guard status.st_mode & S_IFMT != S_IFREG || status.st_nlink <= 1 else { throw .severalNames }
    }

    static func status(_ file: borrowing Descriptor) throws(OutputFileError) -> stat {
        var status = stat()
        guard fstat(file.raw, &status) == 0 else { throw .system(.last("fstat", file.object)) }
        return status
    }

    private static func open(_ base: Int32, _ name: [CChar], _ path: String) throws(OutputFileError) -> Descriptor {
        let raw = openat(base, name, pathOnly | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw .system(.last("open", path)) }
        return Descriptor(owning: raw, object: path)
    }

    private static func open(_ base: Int32, _ name: String, _ path: String) throws(OutputFileError) -> Descriptor {
        try open(base, Array(name.utf8CString), path)
    }

    private static func target(of link: borrowing Descriptor) throws(OutputFileError) -> [UInt8] {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(link.raw, "", &target, target.count)
        guard count > 0 else {
            throw .system(
                count < 0
                    ? .last("readlink", link.object)
                    : SystemCallError(call: "readlink", object: link.object, errno: .noSuchFileOrDirectory))
        }
        return target[..<count].map { UInt8(bitPattern: $0) }
    }
}
