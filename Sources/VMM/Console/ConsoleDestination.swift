import Glibc
import LinuxSystem

/// The file that a console is written to, without ever waiting for a reader.
///
/// poll(2) reports a pipe as writable if it accepts PIPE_BUF bytes and no other process writes to it meanwhile, and a
/// terminal if it accepts one. So both are opened once more through /proc in non-blocking mode; the mode of the given
/// descriptor is shared with every other process that has it. If that is impossible, as for sockets and other users'
/// terminals, small pieces are written when poll reports them writable.
final class ConsoleDestination: Sendable {
    enum Answer {
        case taken(Int)
        /// No byte can be accepted now.
        case full
        /// No byte will ever be accepted; `isGone` if the reason is that the reader went away.
        case broken(isGone: Bool)

        var count: Int {
            if case .taken(let count) = self { count } else { 0 }
        }
    }

    /// A pipe that is writable by poll accepts this many bytes without blocking; pipe(7), PIPE_BUF.
    private static let stride = 4096
    private let given: Int32
    /// Non-blocking; nil if there is only `given`.
    private let own: Descriptor?

    /// - Parameter given: a descriptor that outlives this.
    init(_ given: Int32) {
        self.given = given
        var status = stat()
        let isPipe = fstat(given, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
        let number =
            isPipe || isatty(given) == 1
            ? open("/proc/self/fd/\(given)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1
        own = number < 0 ? nil : Descriptor(owning: number, object: "the console's reader")
    }

    /// True if the kernel answers at once, whatever the reader does.
    var neverWaits: Bool { own != nil }

    /// Waits until a byte can be written.
    func wait(milliseconds: Int32) { _ = isWritable(given, milliseconds: milliseconds) }

    private func isWritable(_ descriptor: Int32, milliseconds: Int32 = 0) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }

    /// Writes one byte if that is possible without waiting.
    func write(_ byte: UInt8) -> Bool {
        withUnsafeBytes(of: byte) { write($0).count == 1 }
    }

    /// Writes as many of the first bytes as possible without waiting.
    func write(_ bytes: UnsafeRawBufferPointer) -> Answer {
        let result: Int
        switch own {
        case .some(let own): result = Glibc.write(own.raw, bytes.baseAddress, bytes.count)
        case .none:
            guard isWritable(given) else { return .full }
            result = Glibc.write(given, bytes.baseAddress, min(bytes.count, Self.stride))
        }
        if result > 0 { return .taken(result) }
        switch errno {
        case EAGAIN, EINTR: return .full
        case let error: return .broken(isGone: error == EPIPE)
        }
    }
}
