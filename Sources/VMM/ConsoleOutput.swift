import Glibc
import LinuxSystem
import Synchronization

/// What the guest wrote to its console, on the way out.
///
/// A burst's first byte is written by the vCPU that put it, if the destination takes it at once: nobody waits for another thread to wake.
/// The burst's rest is buffered, and the run's main thread writes it out once a millisecond for as long as more comes. No byte is lost:
/// where the buffer is full, `put` waits.
public final class ConsoleOutput: Sendable {
    private struct State {
        /// Reserved and not filled, so that a quiet guest costs no memory.
        var buffer: [UInt8] = []
        /// A burst is on: the main thread looks every millisecond, and need not be woken.
        var isBurst = false
        /// A ring of the last bytes put: byte number N stands at N modulo its capacity.
        var tail: [UInt8] = []
        var putCount = 0
    }

    private static let capacity = 1 << 16
    private static let tailLength = 4096
    private let state = Mutex(State())
    /// Signalled when a burst begins; the main thread takes it, and drains from then on.
    let ready: EventDescriptor
    private let destination: Int32?
    private let failed = Atomic<Bool>(false)

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
                guard state.buffer.count < Self.capacity else { return false }
                if state.isBurst || !writeNow(byte) { state.buffer.append(byte) }
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

    /// Writes a byte if that can be done without waiting.
    private func writeNow(_ byte: UInt8) -> Bool {
        guard let destination, !failed.load(ordering: .relaxed) else { return false }
        var entry = pollfd(fd: destination, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 0) == 1, entry.revents == Int16(POLLOUT) else { return false }
        return withUnsafeBytes(of: byte) { Glibc.write(destination, $0.baseAddress, 1) == 1 }
    }

    /// Writes out what is buffered. From the main thread only.
    /// - Returns: whether the burst goes on: the caller looks again after a millisecond.
    @discardableResult
    func drain() -> Bool {
        let chunk = state.withLock { state -> [UInt8]? in
            guard !state.buffer.isEmpty else {
                state.isBurst = false
                return nil
            }
            defer { state.buffer.removeAll(keepingCapacity: true) }
            return Array(state.buffer[...])
        }
        guard let chunk else { return false }
        if let destination, !failed.load(ordering: .relaxed) { write(chunk, destination) }
        return true
    }

    private func write(_ chunk: [UInt8], _ destination: Int32) {
        chunk.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let now = Glibc.write(destination, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if now > 0 {
                    done += now
                } else if errno == EAGAIN {
                    var entry = pollfd(fd: destination, events: Int16(POLLOUT), revents: 0)
                    poll(&entry, 1, 1000)
                } else if errno != EINTR {
                    // The reader is gone. The guest goes on; its tail is still kept.
                    failed.store(true, ordering: .relaxed)
                    return
                }
            }
        }
    }

    /// The last bytes that the guest wrote, at most 4 KiB.
    public var lastLines: String {
        state.withLock { state in
            let start = max(state.putCount - state.tail.count, 0)
            return String(decoding: (start..<state.putCount).map { state.tail[$0 % Self.tailLength] }, as: UTF8.self)
        }
    }
}
