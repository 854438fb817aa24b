/// The terminal keys for swiftlet and not for the guest: ^A and a letter, as on QEMU's and kvmtool's consoles.
/// docs/console.md.
///
/// One object serves a whole run: a guest that resets again and again must not separate ^A from its letter, nor take
/// typed-ahead input from the next boot.
public final class TerminalKeys: @unchecked Sendable {
    // @unchecked: belongs to the main thread.

    enum Command: Equatable {
        /// ^A x.
        case end
        /// ^A h, and unknown keys.
        case help
    }

    static let escape: UInt8 = 0x01
    private static let interrupt: UInt8 = 0x03
    let signalKeys: SignalKeys
    /// Input that the guest has not read, from `start` on.
    private var typed: [UInt8] = []
    private var start = 0
    /// The user ended the run. If a reset came first, it ends the next boot.
    private(set) var endsRun = false
    /// ^A came last; its letter may come with a later read.
    private var isEscaped = false

    public init(_ signalKeys: SignalKeys = .host) { self.signalKeys = signalKeys }

    /// Input that the guest has not read.
    var pending: ArraySlice<UInt8> { typed[start...] }

    /// Removes the first bytes of `pending`, which the guest has read.
    func hasTaken(_ count: Int) {
        start += count
        // At least half of it at a time, so that each byte is moved only once.
        guard 2 * start >= typed.count else { return }
        typed.removeFirst(start)
        start = 0
    }

    /// Drops pending bytes beyond `limit`.
    /// - Returns: true if there were any.
    func drop(beyond limit: Int) -> Bool {
        let excess = pending.count - limit
        guard excess > 0 else { return false }
        typed.removeLast(excess)
        return true
    }

    /// Processes typed bytes; those meant for the guest are added to `pending`.
    /// - Returns: the last command, nil if there was none. Bytes after `end` are dropped.
    func process(_ bytes: UnsafeRawBufferPointer) -> Command? {
        var command: Command?
        for byte in bytes {
            guard isEscaped else {
                if byte == Self.escape { isEscaped = true } else { typed.append(byte) }
                continue
            }
            isEscaped = false
            switch byte {
            case Self.escape, UInt8(ascii: "a"), UInt8(ascii: "A"): typed.append(Self.escape)
            case UInt8(ascii: "c"), UInt8(ascii: "C"): typed.append(Self.interrupt)
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                endsRun = true
                return .end
            default: command = .help
            }
        }
        return command
    }

    /// A list of the keys and their effects, for the terminal.
    var help: String {
        let signals =
            switch signalKeys {
            case .host: "^C      ends the run; ^A c sends it to the guest"
            case .guest: "^C      goes to the guest (--signal-keys guest)"
            }
        return [
            "", "^A x    ends the run", signals, "^A ^A   sends ^A to the guest; so does ^A a", "^A h    shows this",
            "",
        ].joined(separator: "\r\n")
    }
}

/// The receiver of ^C, ^\ and ^Z at a terminal.
public enum SignalKeys: String, CaseIterable, Sendable {
    /// swiftlet handles them: ^C ends the run.
    case host
    /// The guest gets them as it gets any other key.
    case guest
}
