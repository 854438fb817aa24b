import CLinux
import Glibc

/// Waits for several descriptors at once; see epoll(7). Level-triggered.
public struct EventLoop: ~Copyable, Sendable {
    private let descriptor: Descriptor

    public init(_ object: String) throws(SystemCallError) {
        let raw = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard raw >= 0 else { throw .last("epoll_create1", object) }
        descriptor = Descriptor(owning: raw, object: object)
    }

    /// Watches `raw` for input; `token` names it in `wait`.
    /// - Throws: EPERM for a descriptor that can't be waited for, such as a regular file.
    public func watch(_ raw: Int32, token: UInt64) throws(SystemCallError) {
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: token))
        guard epoll_ctl(descriptor.raw, EPOLL_CTL_ADD, raw, &event) == 0 else {
            throw .last("epoll_ctl", descriptor.object)
        }
    }

    /// Stops watching `raw`. Harmless if it isn't watched.
    public func forget(_ raw: Int32) {
        epoll_ctl(descriptor.raw, EPOLL_CTL_DEL, raw, nil)
    }

    /// Waits until something is ready and calls `body` with each ready token.
    /// - Parameter milliseconds: the longest time to wait; negative: no limit.
    /// - Returns: false if the time ran out.
    @discardableResult
    public func wait(milliseconds: Int32 = -1, _ body: (UInt64) -> Void) -> Bool {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 16) { events in
            let count = epoll_wait(descriptor.raw, events.baseAddress, 16, milliseconds)
            guard count > 0 else { return count < 0 }
            for index in 0..<Int(count) { body(events[index].data.u64) }
            return true
        }
    }
}
