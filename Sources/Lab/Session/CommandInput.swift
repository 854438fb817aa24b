import Glibc

/// The standard input of the command: read once, and kept if it is short, so that a second run can have it.
struct CommandInput: Sendable {
    /// The source's descriptor; -1 for none.
    let source: Int32
    private var taken: [UInt8] = []
    private var given = 0
    /// The number of bytes before those in `taken`, which are no longer stored.
    private var lost = 0
    private var isAtEnd: Bool

    /// The number of bytes that are kept for another run.
    private static let limit = 1 << 20

    init(source: Int32) {
        self.source = source
        isAtEnd = source < 0
    }

    /// True if bytes wait to be sent.
    var isPending: Bool { given < taken.count }
    /// True if the source is to be read: no bytes wait, and there is more.
    var wantsMore: Bool { !isPending && !isAtEnd }
    /// True if everything was sent.
    var isExhausted: Bool { !isPending && isAtEnd }
    /// True if a second run can have all of it.
    var isReplayable: Bool { lost == 0 }

    /// Reads the available bytes.
    mutating func read() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(source, &buffer, buffer.count)
        if count < 0 && (Glibc.errno == EINTR || Glibc.errno == EAGAIN) { return }
        if count <= 0 {
            isAtEnd = true
            return
        }
        if taken.count > Self.limit {
            lost += taken.count
            taken = []
            given = 0
        }
        taken += buffer[..<count]
    }

    /// Sends waiting bytes to a socket, as many as it accepts.
    mutating func give(to socket: Int32) {
        let count = taken[given...].withUnsafeBytes {
            send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if count > 0 { given += count }
    }

    /// Bytes per line; encoded they fit the 4096 bytes, line end included, that a terminal device takes at once.
    private static let lineLimit = 2880

    /// Returns the next bytes as a line of base64, `.` at the end of the input, nil if no bytes have come yet.
    mutating func nextLine() -> [UInt8]? {
        if isExhausted { return Array(".\n".utf8) }
        guard isPending else { return nil }
        let bytes = taken[given...].prefix(Self.lineLimit)
        given += bytes.count
        return Base64.encode(bytes) + Array("\n".utf8)
    }

    /// Starts again from the first byte.
    mutating func rewind() {
        given = 0
    }
}
