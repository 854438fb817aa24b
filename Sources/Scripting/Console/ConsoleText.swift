/// A filter for a console's text: removes ECMA-48 escape sequences and control characters other than tab and line feed,
/// which only move a cursor or change a colour. Carriage returns beside a line feed are removed; any other one restarts
/// the line and counts as a line feed.
struct ConsoleText {
    private enum State {
        case text, escape, sequence
        /// Inside a string, as of OSC or DCS, which ends with BEL or ST.
        case string, stringEscape
    }

    /// The largest number of bytes that a sequence without an end can hide, as of a guest that died in it.
    private static let sequenceLimit = 256
    private var state = State.text
    private var length = 0
    private var hasReturn = false

    /// Processes a byte of the console. Passes to `say` nothing, the byte, or a line feed and the byte.
    mutating func process(_ byte: UInt8, _ say: (UInt8) -> Void) {
        if state == .text && byte >= 0x20 && byte != 0x7F && !hasReturn { return say(byte) }
        switch byte {
        case 0x0A:
            // It also ends an unfinished sequence.
            state = .text
            hasReturn = false
            return say(byte)
        case 0x0D:
            state = .text
            hasReturn = true
            return
        case 0x1B:
            state = state == .string ? .stringEscape : .escape
            length = 0
            return
        default: break
        }
        switch state {
        case .text:
            guard byte == 0x09 || byte >= 0x20 && byte != 0x7F else { return }
            if hasReturn {
                hasReturn = false
                say(0x0A)
            }
            say(byte)
        case .escape:
            switch byte {
            case 0x5B: state = .sequence  // CSI
            case 0x50, 0x58, 0x5D, 0x5E, 0x5F: state = .string  // DCS, SOS, OSC, PM, APC
            case 0x20...0x2F: break
            default: state = .text
            }
        case .sequence:
            length += 1
            if byte >= 0x40 || length > Self.sequenceLimit { state = .text }
        case .string:
            length += 1
            if byte == 0x07 || length > Self.sequenceLimit { state = .text }
        case .stringEscape:
            state = byte == 0x5C ? .text : .escape
            if byte != 0x5C { process(byte, say) }
        }
    }
}
