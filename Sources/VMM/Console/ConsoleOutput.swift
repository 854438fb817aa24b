import Glibc
import LinuxSystem
import Synchronization

/// The guest's console output on its way out.
///
/// The vCPU that puts a burst's first byte writes it itself if the destination accepts it at once, so that no thread
/// has to wake first. The rest of the burst is buffered. The run's main thread takes it once a millisecond while more
/// comes, writes as much as the destination accepts without waiting, and keeps the rest in a `ConsoleBacklog`, so the
/// guest waits for no reader. `put` waits only if 64 KiB come before the main thread has taken them, if the backlog has
/// no more room, or if the `ConsoleWatch` can't keep up (`allow`). No byte is lost.
public final class ConsoleOutput: Sendable {
    private struct State {
        /// Reserved and not filled, so that a quiet guest costs no memory.
        var buffer: [UInt8] = []
        /// A burst is in progress: the main thread checks every millisecond, and need not be woken.
        var isBurst = false
        /// The burst's first byte if it was written at once: the `ConsoleWatch` has not seen it yet.
        var writtenAtOnce: UInt8?
        /// The run has ended; further bytes of vCPUs are accepted without limit, since nothing drains the buffer while
        /// they are waited for.
        var isClosing = false
        /// The limit of the buffer: less than the capacity if the `ConsoleWatch` can't keep up.
        var limit = ConsoleOutput.capacity
        /// A ring of the last bytes: byte number N is at N modulo its capacity.
        var tail: [UInt8] = []
        var putCount = 0
        /// The starts of lines in the buffer; recorded only if times are needed.
        var lineStarts: [ConsoleLineStart] = []
        var lines = ConsoleLines()
    }

    /// Bytes taken from the buffer and not yet written.
    private struct Outgoing: ~Copyable {
        var backlog: ConsoleBacklog
        /// Bytes that follow the backlog, which had no room for them; meanwhile no more are taken.
        var held: [UInt8] = []
        /// Reused for their capacity.
        var bytes: [UInt8] = []
        var lineStarts: [ConsoleLineStart] = []
        /// The destination has failed. The guest continues; its tail is still recorded.
        var isBroken = false
        /// Bytes lost to a full disk or a broken device. A reader that has gone away wants no more and loses nothing.
        var lost = 0
        var countsLosses = false
        var count: Int { backlog.count + held.count }
    }

    private static let capacity = 1 << 16
    static let tailLength = 4096
    /// The largest number of bytes written at a time, so that signals and the time limit are handled in between.
    private static let lookLimit = 1 << 20
    private let state = Mutex(State())
    private let outgoing: Mutex<Outgoing>
    /// Signalled when a burst begins; the main thread reads it, and drains from then on.
    let ready: EventDescriptor
    private let destination: ConsoleDestination?
    private let stamps: ConsoleStamps?
    private let filter: (any ConsoleFilter)?
    private let limit: ConsoleLimit?
    private let onLines: (@Sendable ([UInt8], [ConsoleLineStart]) -> Void)?
    private let timesLines: Bool

    /// - Parameters:
    ///   - destination: nil to throw everything away.
    ///   - stamps: puts a time before each line.
    ///   - filter: changes the output, stamps included.
    ///   - limit: ends the output at the largest size of its file; a `ConsoleWatch` also sees the rest.
    ///   - onLines: receives every byte once, in order, and the starts of lines. From the main thread.
    ///   - backlog: for bytes that are not yet written.
    init(
        destination: ConsoleDestination?, stamps: ConsoleStamps? = nil, filter: (any ConsoleFilter)? = nil,
        limit: ConsoleLimit? = nil,
        onLines: (@Sendable ([UInt8], [ConsoleLineStart]) -> Void)? = nil,
        backlog: consuming ConsoleBacklog = ConsoleBacklog()
    ) throws(SystemCallError) {
        ready = try EventDescriptor("console output")
        self.destination = destination
        self.stamps = stamps
        self.filter = filter
        self.limit = limit
        self.onLines = onLines
        timesLines = stamps != nil || onLines != nil
        outgoing = Mutex(Outgoing(backlog: backlog))
        let timesLines = timesLines
        state.withLock { state in
            state.buffer.reserveCapacity(Self.capacity)
            state.tail.reserveCapacity(Self.tailLength)
            // As many as a full buffer can contain.
            if timesLines { state.lineStarts.reserveCapacity(Self.capacity) }
        }
        if timesLines { outgoing.withLock { $0.lineStarts.reserveCapacity(Self.capacity) } }
    }

    func put(_ byte: UInt8) {
        while true {
            let isTaken = state.withLock { state -> Bool in
                guard state.buffer.count < state.limit || state.isClosing else { return false }
                if timesLines {
                    if state.lines.begins(with: byte) {
                        state.lineStarts.append(ConsoleLineStart(offset: state.buffer.count, time: MonotonicClock.now))
                    }
                    state.buffer.append(byte)
                } else if state.isBurst || filter != nil || limit != nil || destination?.write(byte) != true {
                    state.buffer.append(byte)
                } else {
                    state.writtenAtOnce = byte
                }
                let place = state.putCount % Self.tailLength
                if place < state.tail.count { state.tail[place] = byte } else { state.tail.append(byte) }
                state.putCount += 1
                if !state.isBurst {
                    state.isBurst = true
                    ready.signal()
                }
                return true
            }
            if isTaken { return }
            usleep(200)
        }
    }

    /// Takes the buffer, writes as much as the destination accepts without waiting, and keeps the rest. From the main
    /// thread only.
    /// - Parameter see: receives every byte once, in order, after it was written or kept; it must not call back.
    /// - Returns: true if the burst continues: the caller calls again after a millisecond.
    @discardableResult
    func drain(_ see: ([UInt8]) -> Void = { _ in }) -> Bool {
        outgoing.withLock { outgoing in
            if !outgoing.held.isEmpty { retry(&outgoing) }
            let tookSome = outgoing.held.isEmpty && writeBuffer(&outgoing, see)
            var written = 0
            while let destination, outgoing.backlog.count > 0, written < Self.lookLimit, !outgoing.isBroken {
                var answer = ConsoleDestination.Answer.full
                outgoing.backlog.withOldest { bytes in
                    answer = destination.write(bytes)
                    return answer.count
                }
                if follow(answer, &outgoing) { written += answer.count } else { break }
            }
            return tookSome || outgoing.count > 0
        }
    }

    /// Appends held bytes to the backlog if it has room now, or writes them if it is empty.
    private func retry(_ outgoing: inout Outgoing) {
        if outgoing.held.withUnsafeBytes({ outgoing.backlog.append($0) }) {
            outgoing.held = []
        } else if outgoing.backlog.count == 0, let destination {
            let answer = outgoing.held.withUnsafeBytes { destination.write($0) }
            if follow(answer, &outgoing) { outgoing.held.removeFirst(answer.count) }
        }
    }

    /// Empties the buffer: writes its bytes, and passes them to `see`.
    /// - Returns: false if it was empty; then the burst is over once all is written.
    private func writeBuffer(_ outgoing: inout Outgoing, _ see: ([UInt8]) -> Void) -> Bool {
        outgoing.bytes.removeAll(keepingCapacity: true)
        outgoing.lineStarts.removeAll(keepingCapacity: true)
        let hasBacklog = outgoing.backlog.count > 0
        let first = state.withLock { state in
            swap(&state.buffer, &outgoing.bytes)
            swap(&state.lineStarts, &outgoing.lineStarts)
            if outgoing.bytes.isEmpty, !hasBacklog { state.isBurst = false }
            state.buffer.reserveCapacity(Self.capacity)
            return state.writtenAtOnce.take()
        }
        if destination != nil, !outgoing.bytes.isEmpty {
            let bytes = stamps?.stamp(outgoing.bytes, outgoing.lineStarts) ?? outgoing.bytes
            let shown = filter?.filter(bytes) ?? bytes
            write(limit?.admit(shown) ?? shown, &outgoing)
        }
        // Last, since the watch takes its time while a reader waits.
        if let first { see([first]) }
        guard !outgoing.bytes.isEmpty else { return false }
        see(outgoing.bytes)
        onLines?(outgoing.bytes, outgoing.lineStarts)
        return true
    }

    /// Writes the next bytes, and adds the rest to the backlog.
    private func write(_ bytes: [UInt8], _ outgoing: inout Outgoing) {
        guard let destination, !bytes.isEmpty else { return }
        var done = 0
        while done < bytes.count, outgoing.backlog.count == 0, !outgoing.isBroken {
            let answer = bytes.withUnsafeBytes { destination.write(UnsafeRawBufferPointer(rebasing: $0[done...])) }
            guard follow(answer, &outgoing) else { break }
            done += answer.count
        }
        if outgoing.isBroken {
            if outgoing.countsLosses { outgoing.lost += bytes.count - done }
        } else if done < bytes.count,
            !bytes.withUnsafeBytes({ outgoing.backlog.append(UnsafeRawBufferPointer(rebasing: $0[done...])) })
        {
            outgoing.held = Array(bytes[done...])
        }
    }

    /// - Returns: true if more can be written.
    private func follow(_ answer: ConsoleDestination.Answer, _ outgoing: inout Outgoing) -> Bool {
        guard case .broken(let isGone) = answer else { return answer.count > 0 }
        outgoing.isBroken = true
        outgoing.countsLosses = !isGone
        if outgoing.countsLosses { outgoing.lost += outgoing.count }
        outgoing.backlog.removeAll()
        outgoing.held = []
        return false
    }

    /// Limits the bytes that the guest may write before the main thread has taken them.
    func allow(_ room: Int) {
        let limit = min(max(room, 0), Self.capacity)
        state.withLock { if $0.limit != limit { $0.limit = limit } }
    }

    /// Ends the run's output: from here on `put` never waits.
    func close() {
        state.withLock { $0.isClosing = true }
    }

    /// Writes the rest, waiting for the reader as long as it accepts some bytes every ten seconds.
    /// - Parameters:
    ///   - see: as for `drain`.
    ///   - isImpatient: called every tenth of a second in which the reader accepts nothing, with the number of tenths;
    ///     true gives the reader up.
    /// - Returns: the number of bytes lost: to a reader that was given up, or to a destination that failed.
    func flush(_ see: ([UInt8]) -> Void = { _ in }, isImpatient: (_ tenths: Int) -> Bool = { _ in false }) -> Int {
        var patience = 100
        var before = -1
        var isFinished = false
        while drain(see) || !isFinished {
            let rest = outgoing.withLock { outgoing in
                if outgoing.count == 0, !isFinished, state.withLock({ $0.buffer.isEmpty }) {
                    isFinished = true
                    let rest = filter?.finish() ?? []
                    write(limit?.admit(rest) ?? rest, &outgoing)
                }
                return outgoing.count
            }
            guard let destination, rest > 0 else { continue }
            patience = rest == before ? patience - 1 : 100
            guard patience > 0, !isImpatient(100 - patience) else {
                let (unread, starts) = state.withLock { ($0.buffer, $0.lineStarts) }
                see(unread)
                onLines?(unread, starts)
                return rest + unread.count + outgoing.withLock { $0.lost }
            }
            before = rest
            destination.wait(milliseconds: 100)
        }
        return outgoing.withLock { $0.lost }
    }

    /// The number of bytes that the guest wrote.
    var byteCount: Int { state.withLock { $0.putCount } }

    /// The last bytes that the guest wrote, at most 4 KiB.
    public var lastLines: String {
        state.withLock { state in
            let start = max(state.putCount - state.tail.count, 0)
            return String(decoding: (start..<state.putCount).map { state.tail[$0 % Self.tailLength] }, as: UTF8.self)
        }
    }
}
