import Scripting
import VMM

/// A run's console as its script watches it.
final class WatchedConsole: ConsoleWatch {
    private var watcher: ConsoleWatcher

    init(_ script: ConsoleScript) { watcher = ConsoleWatcher(script) }

    var findings: ConsoleFindings { watcher.findings }

    func take(_ bytes: [UInt8], at seconds: Double) { watcher.take(bytes, at: seconds) }

    func look(at seconds: Double) -> ConsoleAction {
        let action = watcher.look(at: seconds)
        return ConsoleAction(input: action.input, endsRun: action.endsRun, isFailure: watcher.findings.failure != nil, next: action.next)
    }

    func close(at seconds: Double) { watcher.close(at: seconds) }
}
