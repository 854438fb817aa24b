/// Keys that a terminal's user has for swiftlet and not for the guest: ^A and a letter, as at QEMU's and kvmtool's
/// consoles. docs/console.md.
///
/// One for a whole run: a guest that resets again and again must not take the ^A from its key, nor what was typed ahead
/// from the next boot.
public final class TerminalKeys: @unchecked Sendable {
    // @unchecked: belongs to the main thread.

    enum Command: Equatable {
        /// ^A x.
        case end
        /// ^A h, and what is not known.
        case help
    }

    static let escape: UInt8 = 0x01
    private static let interrupt: UInt8 = 0x03
    let signalKeys: SignalKeys
    /// What the guest has not taken, from `start` on.
    private var typed: [UInt8] = []
    private var start = 0
    /// The user ended the run: also the boot that follows a reset which came first.
    private(set) var endsRun = false
    /// ^A came last; what belongs to it may come with a later read.
    private var isEscaped = false

    public init(_ signalKeys: SignalKeys = .host) { self.signalKeys = signalKeys }

    /// What the guest has not taken.
    var pending: ArraySlice<UInt8> { typed[start...] }

    /// The guest has taken so many bytes of `pending`, its first ones.
    func hasTaken(_ count: Int) {
        start += count
        // Half of it at the least, so that each byte is moved once.
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
