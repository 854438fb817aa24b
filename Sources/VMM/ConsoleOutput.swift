import Glibc
import LinuxSystem
import Synchronization

/// What the guest wrote to its console, on the way out: vCPUs put bytes, the run's main thread drains them to a descriptor.
///
/// No byte is lost: when the buffer is full, `put` waits for the drain.
public final class ConsoleOutput: Sendable {
    private struct Buffer {
        var bytes: [UInt8]
        var count = 0
    }

    private static let capacity = 1 << 16
    private static let tailLength = 4096
    private let pending: Mutex<Buffer>
    private let tail = Mutex<[UInt8]>([])
    /// Signalled when the buffer stops being empty.
    let ready: EventDescriptor
    private let destination: Int32?
    private let failed = Atomic<Bool>(false)

    /// - Parameter destination: a descriptor that outlives this, nil to throw everything away.
    init(destination: Int32?) throws(SystemCallError) {
        ready = try EventDescriptor("console output")
        self.destination = destination
        pending = Mutex(Buffer(bytes: [UInt8](repeating: 0, count: Self.capacity)))
    }

    func put(_ byte: UInt8) {
        while true {
            let before = pending.withLock { buffer -> Int in
                let count = buffer.count
                guard count < Self.capacity else { return count }
                buffer.bytes[count] = byte
                buffer.count = count + 1
                return count
            }
            if before == 0 { ready.signal() }
            if before < Self.capacity { return }
            usleep(200)
        }
    }

    /// Writes out what is pending. From the main thread only.
    func drain() {
        _ = ready.take()
        let chunk = pending.withLock { buffer -> [UInt8] in
            let chunk = Array(buffer.bytes[0..<buffer.count])
            buffer.count = 0
            return chunk
        }
        guard !chunk.isEmpty else { return }
        tail.withLock { tail in
            tail.append(contentsOf: chunk.suffix(Self.tailLength))
            if tail.count > 2 * Self.tailLength { tail.removeFirst(tail.count - Self.tailLength) }
        }
        guard let destination, !failed.load(ordering: .relaxed) else { return }
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

    /// The last lines that the guest wrote, at most 4 KiB.
    public var lastLines: String {
        String(decoding: tail.withLock { Array($0.suffix(Self.tailLength)) }, as: UTF8.self)
    }
}
