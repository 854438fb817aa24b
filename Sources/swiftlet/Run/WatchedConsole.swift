import LinuxSystem
import Scripting
import VMM

/// A run's console as its script observes it.
///
/// Received bytes wait here until they are searched, in pieces whose size depends on the speed of the search, so that
/// signals and the time limit are handled for any expressions. The speed also limits the number of waiting bytes: bytes
/// from before the run's end are always searched.
final class WatchedConsole: ConsoleWatch {
    /// The duration of one slice in seconds.
    private static let turn = 0.02
    /// The time in seconds that a search of all waiting bytes may take.
    private static let reach = 0.25
    private static let (leastRoom, mostRoom) = (16, 1 << 16)

    private var watcher: ConsoleWatcher
    /// Received bytes that were not searched yet, with their times.
    private var waiting: [(bytes: ArraySlice<UInt8>, seconds: Double)] = []
    private var waitingCount = 0
    /// The recent maximum of the search time per byte, in seconds.
    private var cost: Double

    init(_ script: ConsoleScript) {
        watcher = ConsoleWatcher(script)
        // The initial estimate: a step of an expression takes some nanoseconds.
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
            // Bytes that come after the decision don't change it.
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

    /// Searches a piece of the first waiting bytes.
    private func lookAtPiece() {
        let (bytes, seconds) = waiting[0]
        let piece = Array(bytes.prefix(max(Int(0.002 / cost), 1)))
        let start = MonotonicClock.now
        watcher.receive(piece, at: seconds)
        let took = Double(MonotonicClock.now - start) / 1e9 / Double(piece.count)
        // The host may have caused a single slow one.
        cost = max(took, cost * 0.9, 1e-9)
        waitingCount -= piece.count
        if piece.count == bytes.count { waiting.removeFirst() } else { waiting[0].bytes = bytes.dropFirst(piece.count) }
    }
}
