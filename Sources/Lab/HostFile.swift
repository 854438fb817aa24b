import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Files of the host, read as a whole.
enum HostFile {
    /// The contents of the file at `path`.
    static func contents(_ path: String) throws(SystemCallError) -> [UInt8] {
        let file = try Descriptor(opening: path, flags: O_RDONLY)
        guard let status = status(path) else { throw .last("stat", path) }
        return try bytes(of: file, at: 0, count: status.size)
    }

    /// `count` bytes of an open file.
    static func bytes(of file: borrowing Descriptor, at offset: Int, count: Int) throws(SystemCallError) -> [UInt8] {
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

    /// What stat(2) says of a path that the lab wants to know.
    struct Status {
        let size: Int
        /// Seconds since 1970.
        let modified: Int
        let isDirectory: Bool
    }

    /// Nil where there is nothing at `path`, or nothing that may be seen.
    static func status(_ path: String) -> Status? {
        var buffer = stat()
        guard stat(path, &buffer) == 0 else { return nil }
        return Status(size: Int(buffer.st_size), modified: buffer.st_mtim.tv_sec, isDirectory: buffer.st_mode & S_IFMT == S_IFDIR)
    }

    static func isReadable(_ path: String) -> Bool {
        access(path, R_OK) == 0
    }

    /// The names in a directory, in no order; none where it can't be read.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
