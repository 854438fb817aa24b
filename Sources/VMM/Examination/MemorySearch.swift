import CLinux
import LinuxSystem

/// Searches a guest's RAM for bytes, for a post-mortem: within a time limit, and not past the process's end.
struct MemorySearch {
    let memory: GuestMemory
    /// The end of the time, in nanoseconds of `MonotonicClock`.
    private let end: UInt64
    /// True if a signal had already ended the run: then there is less time, but the signal is no reason to stop.
    private let wasAsked = Self.isAsked
    /// The number of bytes searched between two checks of the clock.
    private static let piece: UInt64 = 4 << 20

    /// - Parameter seconds: the time limit, from now on.
    init(_ memory: GuestMemory, seconds: Double = 0.25) {
        self.memory = memory
        end = MonotonicClock.now + UInt64((wasAsked ? min(seconds, 0.1) : seconds) * 1e9)
    }

    /// True if the time is up.
    var isOver: Bool { MonotonicClock.now >= end || !wasAsked && Self.isAsked }

    /// True if a signal asks the process to end. A time limit does not count: a run that it ended is still examined.
    private static var isAsked: Bool { if case .signal? = EndingSignals.cause { true } else { false } }

    /// Returns the lowest guest-physical address in a range with these bytes; nil if there is none or the time is up.
    func first(_ pattern: [UInt8], in range: Range<UInt64>) -> UInt64? {
        guard !pattern.isEmpty else { return nil }
        for region in memory.regions {
            let part = region.range.clamped(to: range)
            var start = part.lowerBound
            while start < part.upperBound {
                guard !isOver else { return nil }
                // Untouched memory holds zeros, and reading would allocate it.
                guard memory.isTouched(at: start, count: min(Self.piece, part.upperBound - start)) else {
                    start += min(Self.piece, part.upperBound - start)
                    continue
                }
                // A match across a border belongs to the piece before it.
                let count = min(Self.piece + UInt64(pattern.count - 1), part.upperBound - start)
                if let place = offset(pattern, at: start, count: Int(count)) { return start + UInt64(place) }
                start += min(Self.piece, part.upperBound - start)
            }
        }
        return nil
    }

    private func offset(_ pattern: [UInt8], at address: UInt64, count: Int) -> Int? {
        try? memory.withBytes(at: address, count: count) { bytes in
            pattern.withUnsafeBytes { pattern in
                guard let start = bytes.baseAddress, let wanted = pattern.baseAddress else { return nil }
                let place = cl_find(start, bytes.count, wanted, pattern.count)
                return place < 0 ? nil : place
            }
        }
    }
}
