import Synchronization

/// Ends a console's file at its limit, which holds for all boots of a run together. A line in the file says so; later
/// bytes are counted.
public final class ConsoleLimit: Sendable {
    private struct State {
        var written = 0
        /// True if the last written byte ended a line.
        var isAtLineStart = true
        var isReached = false
        var missing = 0
    }

    private let state = Mutex(State())
    public let limit: FileLimit
    private let mark: [UInt8]

    public init(_ limit: FileLimit) {
        self.limit = limit
        mark = Array("swiftlet: this file has reached \(limit.words); what comes now is not in it\n".utf8)
    }

    /// The number of bytes that are missing in the file.
    public var missing: Int { state.withLock { $0.missing } }

    /// Returns the bytes to write for the next `bytes` of the console.
    public func admit(_ bytes: [UInt8]) -> [UInt8] {
        state.withLock { state in
            guard !state.isReached else {
                state.missing += bytes.count
                return []
            }
            // Room is kept for the mark and the line end before it.
            let room = limit.bytes - mark.count - 1 - state.written
            guard bytes.count > room else {
                state.written += bytes.count
                if let last = bytes.last { state.isAtLineStart = last == 0x0A }
                return bytes
            }
            state.isReached = true
            state.missing = bytes.count - room
            let admitted = bytes.prefix(room)
            let isAtLineStart = admitted.last.map { $0 == 0x0A } ?? state.isAtLineStart
            return admitted + (isAtLineStart ? [] : [0x0A]) + mark
        }
    }
}
