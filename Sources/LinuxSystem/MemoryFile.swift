import CLinux
import Glibc

/// A file that lives in memory only and is gone with its last descriptor. See memfd_create(2).
///
/// Other programs open it as `/proc/self/fd/N` once they have inherited it, so nothing needs to be cleaned up whatever ends us.
public struct MemoryFile: ~Copyable, Sendable {
    public let descriptor: Descriptor

    /// Makes a file with these contents.
    /// - Parameter name: what it holds, for error sentences and /proc.
    public init(_ name: String, contents: [UInt8]) throws(SystemCallError) {
        descriptor = try Self.create(name)
        try contents.withUnsafeBytes { bytes throws(SystemCallError) in try descriptor.write(bytes, at: 0) }
    }

    /// Makes a file of `size` zero bytes that takes memory only where it is written.
    public init(_ name: String, size: Int) throws(SystemCallError) {
        descriptor = try Self.create(name)
        guard ftruncate(descriptor.raw, off_t(size)) == 0 else { throw .last("ftruncate", name) }
    }

    private static func create(_ name: String) throws(SystemCallError) -> Descriptor {
        let raw = memfd_create(name, UInt32(MFD_CLOEXEC))
        guard raw >= 0 else { throw .last("memfd_create", name) }
        return Descriptor(owning: raw, object: name)
    }
}
