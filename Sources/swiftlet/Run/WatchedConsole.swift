import LinuxSystem
import Scripting
import VMM

/// A run's console as its script watches it.
///
/// What comes waits here until it is looked at, in pieces that are as small as they are slow to look at, so that
/// signals and the time limit are seen to whatever the expressions cost. How much may wait is bounded by the same
/// measure: what came before the run's end is always looked at.
final class WatchedConsole: ConsoleWatch {
    /// For how long one look looks, in seconds.
    private static let turn = 0.02
    /// How long it may take to look at all that waits, in seconds.
    private static let reach = 0.25
    private static let (leastRoom, mostRoom) = (16, 1 << 16)

    private var watcher: ConsoleWatcher
    /// What came when, and is yet to be looked at.
    private var waiting: [(bytes: ArraySlice<UInt8>, seconds: Double)] = []
    private var waitingCount = 0
    /// Seconds that looking at a byte takes, by the slowest of late.
    private var cost: Double

    init(_ script: ConsoleScript) {
        watcher = ConsoleWatcher(script)
        // Before anything was measured: a step of an expression takes some nanoseconds.
        cost = Double(watcher.size) * 5e-9 + 1e-8
    }

    var findings: ConsoleFindings { watcher.findings }

    var room: Int { min(max(Int(Self.reach / cost), Self.leastRoom), Self.mostRoom) - waitingCount }

    func receive(_ bytes: [UInt8], at seconds: Double) {
        guard !bytes.isEmpty else { return }
        waiting.append((bytes[...], seconds))
        waitingCount += bytes.count
    }

    func look(at seconds: Double) -> ConsoleAction {
        let end = MonotonicClock.now + UInt64(Self.turn * 1e9)
        var input: [UInt8] = []
        while let next = waiting.first {
            // What was decided before this came is decided.
            let action = watcher.look(at: next.seconds)
            input += action.input
            if action.endsRun { return answer(input, endsRun: true, next: nil) }
            guard MonotonicClock.now < end else {
                return answer(input + watcher.look(at: next.seconds).input, endsRun: false, next: seconds)
            }
            lookAtPiece()
        }
        let action = watcher.look(at: seconds)
        return answer(input + action.input, endsRun: action.endsRun, next: action.next)
    }

    func close(at seconds: Double) {
        while !waiting.isEmpty { lookAtPiece() }
        watcher.close(at: seconds)
    }

    private func answer(_ input: [UInt8], endsRun: Bool, next: Double?) -> ConsoleAction {
        ConsoleAction(input: input, endsRun: endsRun, isFailure: watcher.findings.failure != nil, next: next)
    }

    /// Looks at some of what came first.
    private func lookAtPiece() {
        let (bytes, seconds) = waiting[0]
        let piece = Array(bytes.prefix(max(Int(0.002 / cost), 1)))
        let start = MonotonicClock.now
        watcher.receive(piece, at: seconds)
        let took = Double(MonotonicClock.now - start) / 1e9 / Double(piece.count)
        // A single slow one may be the host's doing.
        cost = max(took, cost * 0.9, 1e-9)
        waitingCount -= piece.count
        if piece.count == bytes.count { waiting.removeFirst() } else { waiting[0].bytes = bytes.dropFirst(piece.count) }
    }
}
