import Synchronization

/// Puts the time before each line of a console: `[ 12.345678] `, seconds since the run began, or since the first of
/// several boots.
///
/// Lines are stamped at their start, so nothing is held back, and no byte of the guest's is changed or lost.
public final class ConsoleStamps: Sendable {
    private let origin = Atomic<UInt64>(0)

    public init() {}

    /// Sets the start time; later calls change nothing.
    func begin(at time: UInt64) {
        _ = origin.compareExchange(expected: 0, desired: time, ordering: .relaxed)
    }

    /// Returns the bytes with a stamp before each line that starts in them.
    func stamp(_ bytes: [UInt8], _ starts: [ConsoleLineStart]) -> [UInt8] {
        var stamped: [UInt8] = []
        stamped.reserveCapacity(bytes.count + starts.count * 16)
        var done = 0
        for start in starts {
            stamped.append(contentsOf: bytes[done..<start.offset])
            stamped.append(contentsOf: text(start.time).utf8)
            done = start.offset
        }
        stamped.append(contentsOf: bytes[done...])
        return stamped
    }

    private func text(_ time: UInt64) -> String {
        let origin = origin.load(ordering: .relaxed)
        let microseconds = time > origin ? (time - origin) / 1000 : 0
        let (seconds, fraction) = ("\(microseconds / 1_000_000)", "\(microseconds % 1_000_000)")
        let padding = String(repeating: " ", count: max(5 - seconds.utf8.count, 0))
        return "[\(padding)\(seconds).\(String(repeating: "0", count: 6 - fraction.utf8.count))\(fraction)] "
    }
}
