import Glibc
import LinuxSystem

/// Where a console is written to, never waiting for a reader.
///
/// poll(2) calls a pipe writable when it takes PIPE_BUF bytes, if nobody else writes to it meanwhile, and a terminal
/// when it takes one. So both are opened once more through /proc, in a mode in which the kernel answers at once; the
/// mode of the descriptor we were given would be that of everybody who has it. Where that can't be done, as for sockets
/// and other people's terminals, small pieces are written when poll says so.
final class ConsoleDestination: Sendable {
    enum Answer {
        case taken(Int)
        /// Nothing can be taken now.
        case full
        /// Nothing can be taken ever; whether because the reader went away.
        case broken(isGone: Bool)

        var count: Int {
            if case .taken(let count) = self { count } else { 0 }
        }
    }

    /// A pipe that poll calls writable takes this many bytes without blocking; pipe(7), PIPE_BUF.
    private static let stride = 4096
    private let given: Int32
    /// Does not block; nil where there is only `given`.
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

    /// Whether the kernel answers at once, whatever the reader does.
    var neverWaits: Bool { own != nil }

    /// Waits until it takes something.
    func wait(milliseconds: Int32) { _ = isWritable(given, milliseconds: milliseconds) }

    private func isWritable(_ descriptor: Int32, milliseconds: Int32 = 0) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }

    /// Writes one byte if that can be done without waiting.
    func write(_ byte: UInt8) -> Bool {
        withUnsafeBytes(of: byte) { write($0).count == 1 }
    }

    /// Writes as many of the first bytes as can be written without waiting.
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
