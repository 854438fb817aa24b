import Glibc

/// The host's monotonic clock; see clock_gettime(2).
public enum MonotonicClock {
    /// Nanoseconds since some fixed point.
    public static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
