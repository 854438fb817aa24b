import CLinux
import LinuxSystem

/// Looks for bytes in a guest's RAM, for a post-mortem: within a time, and no longer than the process may go on.
struct MemorySearch {
    let memory: GuestMemory
    /// In nanoseconds of `MonotonicClock`.
    private let end: UInt64
    /// Whether a signal had ended the run before: then there is less time, and it is no reason to stop.
    private let wasAsked = Self.isAsked
    /// So much is looked at between two looks at the clock.
    private static let piece: UInt64 = 4 << 20

    /// - Parameter seconds: how long it may take, from now on.
    init(_ memory: GuestMemory, seconds: Double = 0.25) {
        self.memory = memory
        end = MonotonicClock.now + UInt64((wasAsked ? min(seconds, 0.1) : seconds) * 1e9)
    }

    /// Whether it is over, found or not.
    var isOver: Bool { MonotonicClock.now >= end || !wasAsked && Self.isAsked }

    /// Whether a signal asks the process to end. The time limit asks for nothing: a run that it ended is examined in
    /// peace.
    private static var isAsked: Bool { if case .signal? = EndingSignals.cause { true } else { false } }

    /// The lowest guest-physical address in a range at which the bytes stand; nil for none, or where the time is up.
    func first(_ pattern: [UInt8], in range: Range<UInt64>) -> UInt64? {
        guard !pattern.isEmpty else { return nil }
        for region in memory.regions {
            let part = region.range.clamped(to: range)
            var start = part.lowerBound
            while start < part.upperBound {
                guard !isOver else { return nil }
                // What nobody has touched holds zeros, and would be touched by looking.
                guard memory.isTouched(at: start, count: min(Self.piece, part.upperBound - start)) else {
                    start += min(Self.piece, part.upperBound - start)
                    continue
                }
                // What lies across a border belongs to the piece before it.
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
