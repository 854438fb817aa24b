import Glibc
import LinuxSystem
import Synchronization

/// What the guest wrote to its console, on the way out.
///
/// A burst's first byte is written by the vCPU that put it, if the destination takes it at once: nobody waits for another thread to wake.
/// The burst's rest is buffered, and the run's main thread writes it out once a millisecond for as long as more comes, never waiting for
/// a reader. No byte is lost: where the buffer is full, `put` waits.
public final class ConsoleOutput: Sendable {
    private struct State {
        /// Reserved and not filled, so that a quiet guest costs no memory.
        var buffer: [UInt8] = []
        /// A burst is on: the main thread looks every millisecond, and need not be woken.
        var isBurst = false
        /// The burst's first byte where it was written at once: whoever watches the console has yet to see it.
        var writtenAtOnce: UInt8?
        /// The run has ended; what vCPUs still put is taken whatever its length, since nobody drains while they are waited for.
        var isClosing = false
        /// A ring of the last bytes put: byte number N stands at N modulo its capacity.
        var tail: [UInt8] = []
        var putCount = 0
    }

    /// What was taken from the buffer and is not yet written.
    private struct Outgoing {
        var bytes: [UInt8] = []
        var start = 0
        /// Nothing can be written any more. The guest goes on; its tail is still kept.
        var isBroken = false
        /// Bytes that a full disk or a broken device took from us. A reader that went away by itself wants no more and loses nothing.
        var lost = 0
        var countsLosses = false
        var count: Int { bytes.count - start }
    }

    private static let capacity = 1 << 16
    static let tailLength = 4096
    /// A pipe that poll calls writable takes this many bytes without blocking; pipe(7), PIPE_BUF.
    private static let stride = 4096
    private let state = Mutex(State())
    private let outgoing = Mutex(Outgoing())
    /// Signalled when a burst begins; the main thread takes it, and drains from then on.
    let ready: EventDescriptor
    private let destination: Int32?

    /// - Parameter destination: a descriptor that outlives this, nil to throw everything away.
    init(destination: Int32?) throws(SystemCallError) {
        ready = try EventDescriptor("console output")
        self.destination = destination
        state.withLock { state in
            state.buffer.reserveCapacity(Self.capacity)
            state.tail.reserveCapacity(Self.tailLength)
        }
    }

    func put(_ byte: UInt8) {
        while true {
            let isTaken = state.withLock { state -> Bool in
                guard state.buffer.count < Self.capacity || state.isClosing else { return false }
                if state.isBurst || !writeNow(byte) { state.buffer.append(byte) } else { state.writtenAtOnce = byte }
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

    private func isWritable(_ destination: Int32, milliseconds: Int32 = 0) -> Bool {
        var entry = pollfd(fd: destination, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }

    /// Writes a byte if that can be done without waiting.
    private func writeNow(_ byte: UInt8) -> Bool {
        guard let destination, isWritable(destination) else { return false }
        return withUnsafeBytes(of: byte) { Glibc.write(destination, $0.baseAddress, 1) == 1 }
    }

    /// Writes out what the destination takes without waiting. From the main thread only.
    /// - Parameter see: is shown every byte once, in order, before it is written; it must not call back.
    /// - Returns: whether the burst goes on: the caller looks again after a millisecond.
    @discardableResult
    func drain(_ see: ([UInt8]) -> Void = { _ in }) -> Bool {
        outgoing.withLock { outgoing in
            if outgoing.count == 0 {
                outgoing.bytes.removeAll(keepingCapacity: true)
                outgoing.start = 0
                let first = state.withLock { state in
                    swap(&state.buffer, &outgoing.bytes)
                    if outgoing.bytes.isEmpty { state.isBurst = false }
                    state.buffer.reserveCapacity(Self.capacity)
                    return state.writtenAtOnce.take()
                }
                if let first { see([first]) }
                see(outgoing.bytes)
                if outgoing.count == 0 { return false }
            }
            guard let destination, !outgoing.isBroken else {
                if outgoing.countsLosses { outgoing.lost += outgoing.count }
                outgoing.start = outgoing.bytes.count
                return true
            }
            while outgoing.count > 0, isWritable(destination) {
                let now = outgoing.bytes.withUnsafeBytes { bytes in
                    Glibc.write(destination, bytes.baseAddress.map { $0 + outgoing.start }, min(outgoing.count, Self.stride))
                }
                if now > 0 {
                    outgoing.start += now
                } else if errno != EAGAIN && errno != EINTR {
                    outgoing.isBroken = true
                    outgoing.countsLosses = errno != EPIPE
                    if outgoing.countsLosses { outgoing.lost += outgoing.count }
                    outgoing.start = outgoing.bytes.count
                }
            }
            return true
        }
    }

    /// The run has ended: from here on `put` never waits.
    func close() {
        state.withLock { $0.isClosing = true }
    }

    /// Writes out the rest, waiting for the reader for as long as it takes something every ten seconds.
    /// - Parameter see: as for `drain`.
    /// - Returns: how many bytes were lost: to a reader that was given up, or to a destination that failed.
    func flush(_ see: ([UInt8]) -> Void = { _ in }) -> Int {
        var patience = 100
        var before = -1
        while drain(see) {
            let rest = outgoing.withLock { $0.count }
            guard let destination, rest > 0 else { continue }
            patience = rest == before ? patience - 1 : 100
            guard patience > 0 else {
                let unread = state.withLock { $0.buffer }
                see(unread)
                return rest + unread.count + outgoing.withLock { $0.lost }
            }
            before = rest
            _ = isWritable(destination, milliseconds: 100)
        }
        return outgoing.withLock { $0.lost }
    }

    /// The last bytes that the guest wrote, at most 4 KiB.
    public var lastLines: String {
        state.withLock { state in
            let start = max(state.putCount - state.tail.count, 0)
            return String(decoding: (start..<state.putCount).map { state.tail[$0 % Self.tailLength] }, as: UTF8.self)
        }
    }
}
