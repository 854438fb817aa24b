import Glibc
import LinuxSystem

/// Writes to a stream, without losing bytes that the stream would accept.
enum OutputStream {
    /// Writes all bytes: in parts, again after a signal, and, if the stream is non-blocking, when it has room again.
    /// - Parameter object: the stream's name, for the message of a process that is asked to end meanwhile.
    /// - Returns: the error; nil if all was written.
    static func write(_ bytes: [UInt8], to raw: Int32, _ object: String = "standard output") -> SystemCallError? {
        bytes.withUnsafeBytes { write($0, to: raw, object) }
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to raw: Int32, _ object: String = "standard output")
        -> SystemCallError?
    {
        do throws(SystemCallError) { try BlockingCall.write(bytes, to: raw, object) } catch { return error }
        return nil
    }

    /// Returns the error of a file system that writes late (NFS, FUSE), as closing the file would; the file stays open.
    /// See close(2).
    static func closeError(of raw: Int32) -> SystemCallError? {
        let copy = fcntl(raw, F_DUPFD_CLOEXEC, 3)
        // A missing descriptor says nothing about the file.
        guard copy >= 0, close(copy) != 0, errno != EINTR else { return nil }
        return .last("close")
    }
}
