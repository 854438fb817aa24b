import CLinux
import Glibc
public import LinuxSystem
import SystemPackage

/// Files of the host, read as a whole.
public enum HostFile {
    /// Returns the contents of the file at `path`.
    public static func contents(_ path: String) throws(SystemCallError) -> [UInt8] {
        let file = try Descriptor(opening: path, flags: O_RDONLY)
        guard let status = status(path) else { throw .last("stat", path) }
        return try bytes(of: file, at: 0, count: status.size)
    }

    /// Returns `count` bytes of an open file.
    public static func bytes(of file: borrowing Descriptor, at offset: Int, count: Int) throws(SystemCallError)
        -> [UInt8]
    {
        var failure: SystemCallError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemCallError) {
                let place = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
                try file.read(into: place, at: UInt64(offset))
                filled = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The fields of stat(2) that matter here.
    public struct Status {
        public let size: Int
        /// Seconds since 1970.
        public let modified: Int
        public let mode: UInt32

        public var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
        public var isRegular: Bool { mode & S_IFMT == S_IFREG }
        public var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
        public var permissions: UInt32 { mode & 0o7777 }

        fileprivate init(_ buffer: stat) {
            size = Int(buffer.st_size)
            modified = buffer.st_mtim.tv_sec
            mode = buffer.st_mode
        }
    }

    /// Returns nil if nothing exists at `path`, or if it may not be accessed.
    public static func status(_ path: String) -> Status? {
        var buffer = stat()
        return stat(path, &buffer) == 0 ? Status(buffer) : nil
    }

    /// Returns the status of a symbolic link itself and not of its target.
    public static func ownStatus(_ path: String) throws(SystemCallError) -> Status {
        var buffer = stat()
        guard lstat(path, &buffer) == 0 else { throw .last("lstat", path) }
        return Status(buffer)
    }

    /// Returns the target of a symbolic link.
    public static func target(ofLink path: String) throws(SystemCallError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count >= 0 else { throw .last("readlink", path) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    public static func isReadable(_ path: String) -> Bool {
        access(path, R_OK) == 0
    }

    /// Returns the names in a directory, in no order; none if it can't be read.
    public static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
