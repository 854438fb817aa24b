import CLinux
import Glibc

/// A timerfd on the host's wall clock: readable from its time on. See timerfd_create(2). Non-blocking and
/// close-on-exec.
public struct TimerDescriptor: ~Copyable, Sendable {
    public let descriptor: Descriptor

    public var raw: Int32 { descriptor.raw }

    /// - Throws: `timerfd_create` failing, as when descriptors run out (EMFILE).
    public init(_ object: String) throws(SystemCallError) {
        let raw = timerfd_create(Int32(CLOCK_REALTIME), Int32(TFD_CLOEXEC | TFD_NONBLOCK))
        guard raw >= 0 else { throw .last("timerfd_create", object) }
        descriptor = Descriptor(owning: raw, object: object)
    }

    /// Sets the time at which it becomes readable, once; nil disarms it. A time in the past makes it readable at once.
    /// - Parameter time: nanoseconds since 1970 as `WallClock` counts them.
    public func arm(at time: Int64?) {
        var setting = itimerspec()
        // All zeros would disarm it.
        let time = time.map { max($0, 1) } ?? 0
        setting.it_value = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
        _ = timerfd_settime(raw, Int32(TFD_TIMER_ABSTIME), &setting, nil)
    }

    /// Reads and resets the expiry count. Returns false if the timer has not fired since.
    @discardableResult
    public func readExpiry() -> Bool {
        var count: UInt64 = 0
        return Glibc.read(raw, &count, 8) == 8
    }
}

/// The host's wall clock, UTC; see clock_gettime(2).
public enum WallClock {
    /// Nanoseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
    public static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
