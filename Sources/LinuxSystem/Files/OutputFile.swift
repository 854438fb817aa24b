import Glibc

/// A file that swiftlet writes: every option that names one opens it here. docs/files.md has the rules.
///
/// In a directory where everybody may create files, entries of other users are neither written to nor followed, and no
/// file is emptied before this is checked. Pipes, terminals, /dev/stdout, /dev/fd/N and the user's own links may be
/// used like files.
public struct OutputFile: ~Copyable, Sendable {
    /// The users who may read a new file; the caller's umask removes more bits. An existing file keeps its mode.
    public enum Audience: Sendable {
        /// 0644: reports, consoles.
        case everybody
        /// 0600: files that reveal much about the host or the guest.
        case owner

        fileprivate var mode: mode_t {
            switch self {
            case .everybody: 0o644
            case .owner: 0o600
            }
        }
    }

    /// The descriptor, open for writing.
    public let descriptor: Descriptor
    /// True for a regular file that has a path, so that it can be replaced and has offsets.
    public let isRegular: Bool
    private let directory: Descriptor
    private let name: [CChar]

    /// Opens a file, and empties a regular one.
    /// - Parameters:
    ///   - appends: each write goes to the end of the file, also if others write to it. The target of a link of /proc
    ///     or /dev is always appended to and never emptied: others may have written there.
    ///   - reads: the file is also opened for reading.
    ///   - followsLinks: the path may end in a symbolic link.
    /// - Throws: `OutputFileError`.
    public init(
        _ path: String, for audience: Audience = .everybody, appends: Bool = false, reads: Bool = false,
        followsLinks: Bool = true
    ) throws(OutputFileError) {
        let place = try OutputPath(path, followsLinks: followsLinks)
        let flags = (reads ? O_RDWR : O_WRONLY) | O_NOCTTY | O_CLOEXEC
        if place.isKernelLink {
            descriptor = try Self.wait(path) { openat(place.directory.raw, place.name, flags | O_APPEND) }
            isRegular = false
        } else {
            let file = try Self.open(place, flags | (appends ? O_APPEND : 0), audience.mode, path)
            isRegular = try OutputPath.status(file).st_mode & S_IFMT == S_IFREG
            descriptor = file
        }
        name = place.name
        directory = place.directory
    }

    /// Opens an existing file if it may be written to, or creates one.
    private static func open(_ place: borrowing OutputPath, _ flags: Int32, _ mode: mode_t, _ path: String)
        throws(OutputFileError) -> Descriptor
    {
        // Another user of the directory can remove the file between two calls.
        for _ in 0..<100 {
            let entry = openat(place.directory.raw, place.name, OutputPath.pathOnly | O_NOFOLLOW | O_CLOEXEC)
            guard entry >= 0 else {
                guard errno == ENOENT else { throw .system(.last("open", path)) }
                let raw = openat(place.directory.raw, place.name, flags | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
                if raw >= 0 { return Descriptor(owning: raw, object: path) }
                guard errno == EEXIST else { throw .system(.last("open", path)) }
                continue
            }
            let found = try OutputPath.status(Descriptor(owning: entry, object: path))
            // Before it is opened: opening another user's pipe would block us.
            try OutputPath.check(found, kind(found), in: place.directory)
            let file: Descriptor
            do throws(OutputFileError) {
                file = try wait(path) { openat(place.directory.raw, place.name, flags | O_NOFOLLOW) }
            } catch {
                if case .system(let cause) = error, cause.errno == .noSuchFileOrDirectory { continue }
                throw error
            }
            let opened = try OutputPath.status(file)
            guard opened.st_dev == found.st_dev, opened.st_ino == found.st_ino else { continue }
            if found.st_mode & S_IFMT == S_IFREG, ftruncate(file.raw, 0) != 0 {
                throw .system(.last("ftruncate", path))
            }
            return file
        }
        throw .system(SystemCallError(call: "open", object: path, errno: .resourceBusy))
    }

    /// Opens a file that may be a pipe, and waits for the pipe's reader.
    private static func wait(_ path: String, _ open: () -> Int32) throws(OutputFileError) -> Descriptor {
        let raw = BlockingCall.make(.opening, path) {
            let raw = open()
            return raw < 0 ? -Int(errno) : Int(raw)
        }
        guard raw >= 0 else {
            throw .system(
                SystemCallError(call: "open", object: path, errno: .init(rawValue: Int32(truncatingIfNeeded: -raw))))
        }
        return Descriptor(owning: Int32(truncatingIfNeeded: raw), object: path)
    }

    private static func kind(_ status: stat) -> String {
        switch status.st_mode & S_IFMT {
        case S_IFREG: "file"
        case S_IFIFO: "named pipe"
        case S_IFSOCK: "socket"
        case S_IFLNK: "symbolic link"
        default: "node"
        }
    }

    /// Returns the descriptor for a new owner.
    public consuming func release() -> Descriptor { descriptor }

    /// Replaces the file's contents atomically: a reader that opens the file by its name sees the old or the new
    /// contents.
    ///
    /// The contents go to a new file beside it with an unpredictable name, which then takes the file's name and mode.
    /// Only for a regular file; the descriptor stays open on the old contents.
    public func replace(with contents: [UInt8]) throws(OutputFileError) {
        let mode = try OutputPath.status(descriptor).st_mode & 0o7777
        // The name is shortened if both together would exceed the limit of a file system (255 bytes).
        let stem = name.dropLast().prefix(200)
        for _ in 0..<100 {
            let suffix = ".\(String(UInt64.random(in: 0 ... .max), radix: 36)).partial"
            let beside = [CChar(bitPattern: UInt8(ascii: "."))] + stem + Array(suffix.utf8CString)
            let raw = openat(directory.raw, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard raw >= 0 else {
                if errno == EEXIST { continue }
                throw .system(.last("open", descriptor.object))
            }
            let file = Descriptor(owning: raw, object: descriptor.object)
            do throws(SystemCallError) {
                try file.write(contents: contents)
                guard fchmod(raw, mode) == 0 else { throw .last("fchmod", file.object) }
                guard renameat(directory.raw, beside, directory.raw, name) == 0 else {
                    throw .last("rename", file.object)
                }
            } catch {
                unlinkat(directory.raw, beside, 0)
                throw .system(error)
            }
            return
        }
        throw .system(SystemCallError(call: "open", object: descriptor.object, errno: .fileExists))
    }
}
