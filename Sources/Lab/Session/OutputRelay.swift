import Glibc
import LinuxSystem

/// Carries one of the command's output streams from the lab to its destination, unchanged and at once.
struct OutputRelay: Sendable {
    /// The socket from the lab.
    let source: Int32
    let target: Int32
    private var filter: EndMark.Filter
    private var pending: [UInt8] = []
    private var written = 0
    /// True if the stream has ended, by its mark or with QEMU.
    private(set) var isAtEnd = false

    init(from source: Int32, to target: Int32, _ mark: EndMark) {
        self.source = source
        self.target = target
        filter = EndMark.Filter(mark)
    }

    var isPending: Bool { written < pending.count }
    var wantsMore: Bool { !isPending && !isAtEnd }
    /// True if everything was carried over.
    var isDone: Bool { !isPending && isAtEnd }

    /// Reads the bytes that the lab has sent.
    mutating func read() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(source, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 && (Glibc.errno == EINTR || Glibc.errno == EAGAIN) { return }
        written = 0
        if count <= 0 {
            pending = filter.flush()
            isAtEnd = true
        } else {
            pending = filter.pass(buffer[..<count])
            isAtEnd = filter.isAtEnd
        }
    }

    /// Writes as much as the target accepts at once: a pipe that is ready accepts PIPE_BUF bytes without blocking, so
    /// that signals and time limits are handled even if the reader is slow.
    mutating func write() throws(LabError) {
        let end = min(pending.count, written + Int(PIPE_BUF))
        let count = pending[written..<end].withUnsafeBytes { Glibc.write(target, $0.baseAddress, $0.count) }
        if count >= 0 {
            written += count
        } else if Glibc.errno == EPIPE {
            throw .outputClosed
        } else if Glibc.errno != EINTR && Glibc.errno != EAGAIN {
            throw .system(.last("write", "the command's output"))
        }
    }
}
