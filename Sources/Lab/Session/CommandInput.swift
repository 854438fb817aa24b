import Glibc

/// The standard input of the command: read once, and kept while it is short, so that it can be given to a second run.
struct CommandInput: Sendable {
    /// Where it comes from; -1 for nothing.
    let source: Int32
    private var taken: [UInt8] = []
    private var given = 0
    /// Bytes before those in `taken`, which are gone.
    private var lost = 0
    private var isAtEnd: Bool

    /// Bytes that are kept for another run.
    private static let limit = 1 << 20

    init(source: Int32) {
        self.source = source
        isAtEnd = source < 0
    }

    /// Whether bytes wait to be given.
    var isPending: Bool { given < taken.count }
    /// Whether the source is to be read: nothing waits, and there is more.
    var wantsMore: Bool { !isPending && !isAtEnd }
    /// Whether all that there is was given.
    var isExhausted: Bool { !isPending && isAtEnd }
    /// Whether a second run can have all of it.
    var isReplayable: Bool { lost == 0 }

    /// Reads what there is.
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

    /// Gives what waits to a socket, as much as it takes.
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
