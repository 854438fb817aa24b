import Glibc
import LinuxSystem
import Synchronization

/// What the guest wrote to its console, on the way out.
///
/// A burst's first byte is written by the vCPU that put it, if the destination takes it at once: nobody waits for
/// another thread to wake. The burst's rest is buffered, and the run's main thread takes it once a millisecond for as
/// long as more comes. It writes what the destination takes without waiting and keeps the rest in a `ConsoleBacklog`,
/// so the guest waits for no reader. Only where 64 KiB come before the main thread has looked, or the backlog finds no
/// more room, or who watches can't follow (`allow`), `put` waits. No byte is lost.
public final class ConsoleOutput: Sendable {
    private struct State {
        /// Reserved and not filled, so that a quiet guest costs no memory.
        var buffer: [UInt8] = []
        /// A burst is on: the main thread looks every millisecond, and need not be woken.
        var isBurst = false
        /// The burst's first byte where it was written at once: whoever watches the console has yet to see it.
        var writtenAtOnce: UInt8?
        /// The run has ended; what vCPUs still put is taken whatever its length, since nobody drains while they are
        /// waited for.
        var isClosing = false
        /// How much may be buffered: less than the capacity where whoever watches the console can't follow.
        var limit = ConsoleOutput.capacity
        /// A ring of the last bytes put: byte number N stands at N modulo its capacity.
        var tail: [UInt8] = []
        var putCount = 0
        /// Where lines begin in the buffer; kept where somebody asks for times.
        var lineStarts: [ConsoleLineStart] = []
        var lines = ConsoleLines()
    }

    /// What was taken from the buffer and is not yet written.
    private struct Outgoing: ~Copyable {
        var backlog: ConsoleBacklog
        /// Came after the backlog, which had no room for it; nothing more is taken meanwhile.
        var held: [UInt8] = []
        /// Kept between looks for their capacity.
        var bytes: [UInt8] = []
        var lineStarts: [ConsoleLineStart] = []
        /// Nothing can be written any more. The guest goes on; its tail is still kept.
        var isBroken = false
        /// Bytes that a full disk or a broken device took from us. A reader that went away by itself wants no more and
        /// loses nothing.
        var lost = 0
        var countsLosses = false
        var count: Int { backlog.count + held.count }
    }

    private static let capacity = 1 << 16
    static let tailLength = 4096
    /// The most that one look writes, so that signals and the time are seen to meanwhile.
    private static let lookLimit = 1 << 20
    private let state = Mutex(State())
    private let outgoing: Mutex<Outgoing>
    /// Signalled when a burst begins; the main thread takes it, and drains from then on.
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
    ///   - filter: changes what is written, stamps included.
    ///   - limit: ends what is written where its file is as large as it may be; whoever watches the console sees what
    ///     follows, too.
    ///   - onLines: is shown every byte once, in order, and where lines begin. From the main thread.
    ///   - backlog: what is not yet written.
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
            // As many as a full buffer may hold.
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

    /// Takes what was put, writes out what the destination takes without waiting, and keeps the rest. From the main
    /// thread only.
    /// - Parameter see: is shown every byte once, in order, when it was written or kept; it must not call back.
    /// - Returns: whether the burst goes on: the caller looks again after a millisecond.
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

    /// Finds room for what the backlog had none for, or writes it where that is empty by now.
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
        // Only now: what looks at the text takes its time, and a reader waits.
        if let first { see([first]) }
        guard !outgoing.bytes.isEmpty else { return false }
        see(outgoing.bytes)
        onLines?(outgoing.bytes, outgoing.lineStarts)
        return true
    }

    /// Writes what comes next, and puts what is left into the backlog.
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

    /// - Returns: whether more can be written.
    private func follow(_ answer: ConsoleDestination.Answer, _ outgoing: inout Outgoing) -> Bool {
        guard case .broken(let isGone) = answer else { return answer.count > 0 }
        outgoing.isBroken = true
        outgoing.countsLosses = !isGone
        if outgoing.countsLosses { outgoing.lost += outgoing.count }
        outgoing.backlog.removeAll()
        outgoing.held = []
        return false
    }

    /// Lets the guest write no more than so many bytes before the main thread has taken them.
    func allow(_ room: Int) {
        let limit = min(max(room, 0), Self.capacity)
        state.withLock { if $0.limit != limit { $0.limit = limit } }
    }

    /// The run has ended: from here on `put` never waits.
    func close() {
        state.withLock { $0.isClosing = true }
    }

    /// Writes out the rest, waiting for the reader for as long as it takes something every ten seconds.
    /// - Parameters:
    ///   - see: as for `drain`.
    ///   - isImpatient: asked every tenth of a second that the reader takes nothing, with the number of tenths; true
    ///     gives it up now.
    /// - Returns: how many bytes were lost: to a reader that was given up, or to a destination that failed.
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

    /// How many bytes the guest wrote.
    var byteCount: Int { state.withLock { $0.putCount } }

    /// The last bytes that the guest wrote, at most 4 KiB.
    public var lastLines: String {
        state.withLock { state in
            let start = max(state.putCount - state.tail.count, 0)
            return String(decoding: (start..<state.putCount).map { state.tail[$0 % Self.tailLength] }, as: UTF8.self)
        }
    }
}
