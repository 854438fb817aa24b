import Glibc
import LinuxSystem

/// Writing to a stream, so that no byte is lost which the stream would take.
enum OutputStream {
    /// Writes all: in parts, again after a signal, and, where the stream does not wait by itself, when it has room again.
    /// - Returns: what it failed with; nil where all was written.
    static func write(_ bytes: [UInt8], to raw: Int32) -> SystemCallError? {
        bytes.withUnsafeBytes { write($0, to: raw) }
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to raw: Int32) -> SystemCallError? {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(raw, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count > 0 {
                done += count
                continue
            }
            switch count < 0 ? errno : EIO {
            case EINTR: continue
            case EAGAIN:
                // Somebody who shares the stream has set it so (O_NONBLOCK).
                var room = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
                guard poll(&room, 1, -1) >= 0 || errno == EINTR else { return .last("poll") }
            case let number: return SystemCallError(call: "write", errno: .init(rawValue: number))
            }
        }
        return nil
    }

    /// What a file system that writes late (NFS, FUSE) had to say of a file, as at its close; the file stays open. See close(2).
    static func settle(_ raw: Int32) -> SystemCallError? {
        let copy = fcntl(raw, F_DUPFD_CLOEXEC, 3)
        // No descriptor to spare says nothing of the file.
        guard copy >= 0, close(copy) != 0, errno != EINTR else { return nil }
        return .last("close")
    }
}
