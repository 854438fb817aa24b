import Glibc
import LinuxSystem

/// The time in which the calling thread was not running, by cause: it slept, or waited for a processor.
///
/// A halted guest's thread sleeps in the kernel. A measurement takes two system calls, so short stretches are left out:
/// they contain no sleep.
struct ThreadTime: ~Copyable {
    /// The shortest stretch, in nanoseconds, that is measured.
    static let shortest: UInt64 = 50_000

    /// The scheduler's statistics of the thread: nanoseconds it ran, nanoseconds it waited for a processor, number of
    /// runs. proc(5). nil if the kernel has none (CONFIG_SCHED_INFO).
    private var account: Descriptor?
    private var raw: Int32 = -1
    private var moment: UInt64 = 0
    private var ran: UInt64 = 0
    private var waited: UInt64 = 0

    init() {}

    /// Attaches to the calling thread.
    mutating func begin() {
        if let file = try? Descriptor(opening: "/proc/thread-self/schedstat") {
            raw = file.raw
            account = consume file
        }
        (moment, ran, waited) = (MonotonicClock.now, Self.processorTime, waitingTime)
    }

    /// Returns the idle time of the thread in the last `stretch` nanoseconds, which end at `now`.
    mutating func idle(of stretch: UInt64, until now: UInt64) -> (slept: UInt64, waited: UInt64) {
        let (ran, waited) = (Self.processorTime, waitingTime)
        defer { (moment, self.ran, self.waited) = (now, ran, waited) }
        let without = (now &- moment) > (ran &- self.ran) ? (now &- moment) &- (ran &- self.ran) : 0
        let queued = min(waited &- self.waited, without, stretch)
        return (min(without - queued, stretch - queued), queued)
    }

    private static var processorTime: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// The second number of the statistics.
    private var waitingTime: UInt64 {
        guard raw >= 0 else { return 0 }
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            let count = pread(raw, buffer.baseAddress, buffer.count, 0)
            guard count > 0 else { return 0 }
            var (value, field): (UInt64, Int) = (0, 0)
            for byte in buffer[0..<count] where field < 2 {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
                default:
                    field += 1
                    if field == 1 { value = 0 }
                }
            }
            return value
        }
    }
}
