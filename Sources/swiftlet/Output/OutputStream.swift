import Glibc
import LinuxSystem

/// Writing to a stream, so that no byte is lost which the stream would take.
enum OutputStream {
    /// Writes all: in parts, again after a signal, and, where the stream does not wait by itself, when it has room
    /// again.
    /// - Parameter object: what is written to, for what is said of a process that is asked to end meanwhile.
    /// - Returns: what it failed with; nil where all was written.
    static func write(_ bytes: [UInt8], to raw: Int32, _ object: String = "standard output") -> SystemCallError? {
        bytes.withUnsafeBytes { write($0, to: raw, object) }
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to raw: Int32, _ object: String = "standard output")
        -> SystemCallError?
    {
        do throws(SystemCallError) { try BlockingCall.write(bytes, to: raw, object) } catch { return error }
        return nil
    }

    /// What a file system that writes late (NFS, FUSE) had to say of a file, as at its close; the file stays open. See
    /// close(2).
    static func closeError(of raw: Int32) -> SystemCallError? {
        let copy = fcntl(raw, F_DUPFD_CLOEXEC, 3)
        // No descriptor to spare says nothing of the file.
        guard copy >= 0, close(copy) != 0, errno != EINTR else { return nil }
        return .last("close")
    }
}
