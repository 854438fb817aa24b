import Scripting
import Synchronization
import VMM

/// A console that makes the guest's output harmless on a terminal and in a CI system's log: `--console quoted`.
final class QuotedConsole: ConsoleFilter {
    private let text = Mutex(VisibleText(keepsLines: true))

    func filter(_ bytes: [UInt8]) -> [UInt8] {
        text.withLock { text in
            var result: [UInt8] = []
            result.reserveCapacity(bytes.count)
            for byte in bytes { text.render(byte, into: &result) }
            return result
        }
    }

    func finish() -> [UInt8] {
        text.withLock { text in
            var result: [UInt8] = []
            text.finish(into: &result)
            return result
        }
    }
}
