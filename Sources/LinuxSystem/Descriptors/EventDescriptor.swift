import CLinux
import Glibc

/// An eventfd: a 64-bit counter that the kernel and threads add to, and that a read resets.
///
/// See eventfd(2). Non-blocking and close-on-exec.
public struct EventDescriptor: ~Copyable, Sendable {
    public let descriptor: Descriptor

    public var raw: Int32 { descriptor.raw }

    /// - Throws: `eventfd` failing, as when descriptors run out (EMFILE).
    public init(_ object: String) throws(SystemCallError) {
        let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard raw >= 0 else { throw .last("eventfd", object) }
        descriptor = Descriptor(owning: raw, object: object)
    }

    /// Adds to the counter.
    public func signal(_ count: UInt64 = 1) {
        var count = count
        _ = Glibc.write(raw, &count, 8)
    }

    /// Reads and resets the counter: the number of signals since the last read, zero if there was none.
    public func readCount() -> UInt64 {
        var count: UInt64 = 0
        return Glibc.read(raw, &count, 8) == 8 ? count : 0
    }

    /// True if the counter is above zero. Does not reset it.
    public var isSignalled: Bool { wait(milliseconds: 0) }

    /// Waits until the counter is above zero. Does not reset it.
    /// - Parameter milliseconds: the longest time to wait; negative: no limit.
    /// - Returns: false if the time ran out or a signal came.
    public func wait(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }
}
