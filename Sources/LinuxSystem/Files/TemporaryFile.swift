import CLinux
import Glibc

/// A file without a name: it disappears with its last descriptor, however the process ends. See mkstemp(3) and
/// unlink(2).
///
/// Other programs open it as `/proc/self/fd/N` once they have inherited it.
public struct TemporaryFile: ~Copyable, Sendable {
    public let descriptor: Descriptor

    /// Makes an empty file in TMPDIR, or in /tmp.
    /// - Parameter object: its purpose, for error messages.
    public init(_ object: String) throws(SystemCallError) {
        descriptor = try Self.create(object)
    }

    /// Makes a file with these contents.
    public init(_ object: String, contents: [UInt8]) throws(SystemCallError) {
        let file = try Self.create(object)
        try file.write(contents: contents)
        descriptor = file
    }

    /// Makes a sparse file of `size` zero bytes.
    public init(_ object: String, size: Int) throws(SystemCallError) {
        let file = try Self.create(object)
        guard ftruncate(file.raw, off_t(size)) == 0 else { throw .last("ftruncate", object) }
        descriptor = file
    }

    private static func create(_ object: String) throws(SystemCallError) -> Descriptor {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        // In one call where the file system can do it; not by a name that must go again.
        let unnamed = open(directory, Int32(CL_O_TMPFILE) | O_RDWR | O_EXCL | O_CLOEXEC, 0o600)
        if unnamed >= 0 { return Descriptor(owning: unnamed, object: object) }
        var name = Array("\(directory)/swiftlet-XXXXXX".utf8CString)
        let raw = mkstemp(&name)
        guard raw >= 0 else { throw .last("mkstemp", "\(directory) for \(object)") }
        unlink(name)
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
        return Descriptor(owning: raw, object: object)
    }

    /// Returns the descriptor for a new owner.
    public consuming func release() -> Descriptor { descriptor }

    /// The size in bytes.
    public var size: Int { Int(lseek(descriptor.raw, 0, SEEK_END)) }
}

extension Descriptor {
    /// Writes `contents` from the file's start on.
    public func write(contents: [UInt8]) throws(SystemCallError) {
        var failure: SystemCallError?
        contents.withUnsafeBytes { bytes in
            do throws(SystemCallError) { try write(bytes, at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
