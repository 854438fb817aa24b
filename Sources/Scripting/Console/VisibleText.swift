import Bytes

/// Makes text of guests, files and users safe to display: control characters, invisible characters and commands of CI
/// systems become visible escapes, such as `\x1b`, `\u{202e}` and `\x3a`. All other characters are kept, even
/// backslashes, so the result can be read but not converted back.
///
/// It processes single bytes, so that a console can be displayed while the guest writes it. Each byte that is not UTF-8
/// becomes `\xNN`. Between calls it stores at most the first bytes of a character.
///
/// CI systems execute commands in a job's output. GitHub Actions executes `::error::` and its like at a line's start
/// after blanks, and `##[` anywhere in a line (actions/runner, ActionCommand.cs); Azure Pipelines executes `##vso[` and
/// `##[` anywhere (azure-pipelines-agent, Command.cs); TeamCity executes `##teamcity[`. GitLab's and Travis' sections
/// require an escape sequence or a carriage return.
public struct VisibleText: Sendable {
    /// The part of `##name[` seen so far: nothing, `#`, `##`, `##name`.
    private enum Mark {
        case none, hash, hashes, name
    }

    /// The position in a line, as far as it matters for `::`.
    private enum Place {
        case start, colon, inside
    }

    /// True if line feeds and tabs are kept; otherwise they become `\n` and a blank.
    private let keepsLines: Bool
    /// The first bytes of a multibyte character.
    private var pending: [UInt8] = []
    private var hasReturn = false
    private var mark = Mark.none
    private var place = Place.start

    /// - Parameter keepsLines: line ends and tabs are kept. A carriage return without a line feed is not kept, since
    ///   the following text would overwrite the line.
    public init(keepsLines: Bool) { self.keepsLines = keepsLines }

    /// Returns the text as one line.
    public static func line(_ text: String) -> String { line(bytes: ByteText.bytes(text)) }

    /// Returns the bytes as one line.
    public static func line(bytes: some Sequence<UInt8>) -> String {
        var visible = VisibleText(keepsLines: false)
        var result: [UInt8] = []
        for byte in bytes { visible.render(byte, into: &result) }
        visible.finish(into: &result)
        return String(decoding: result, as: UTF8.self)
    }

    /// Returns the text with its line ends.
    public static func lines(_ text: String) -> String {
        var visible = VisibleText(keepsLines: true)
        var result: [UInt8] = []
        for byte in ByteText.bytes(text) { visible.render(byte, into: &result) }
        visible.finish(into: &result)
        return String(decoding: result, as: UTF8.self)
    }

    /// Appends the next byte to `result`, escaped if it is not printable.
    public mutating func render(_ byte: UInt8, into result: inout [UInt8]) {
        if hasReturn {
            hasReturn = false
            if byte == 0x0A { result.append(0x0D) } else { escape(0x0D, &result) }
        }
        if !pending.isEmpty {
            if Self.continues(pending, byte) {
                pending.append(byte)
                if pending.count == Self.length(pending[0]) { finishCharacter(&result) }
                return
            }
            dropCharacter(&result)
        }
        switch byte {
        case 0x0A where keepsLines:
            result.append(byte)
            (mark, place) = (.none, .start)
        case 0x0D where keepsLines: hasReturn = true
        case 0x09: put(keepsLines ? byte : 0x20, &result)
        case 0x20..<0x7F: put(byte, &result)
        case 0xC2...0xF4: pending.append(byte)
        default: escape(byte, &result)
        }
    }

    /// Ends the text.
    public mutating func finish(into result: inout [UInt8]) {
        if hasReturn { escape(0x0D, &result) }
        hasReturn = false
        dropCharacter(&result)
    }

    /// Appends a printable ASCII character.
    private mutating func put(_ byte: UInt8, _ result: inout [UInt8]) {
        let isCommand =
            byte == UInt8(ascii: "[") && (mark == .hashes || mark == .name)
            || byte == UInt8(ascii: ":") && place == .colon
        switch (byte, mark) {
        case (UInt8(ascii: "#"), .none), (UInt8(ascii: "#"), .name): mark = .hash
        case (UInt8(ascii: "#"), _): mark = .hashes
        case (UInt8(ascii: "a")...UInt8(ascii: "z"), .hashes), (UInt8(ascii: "A")...UInt8(ascii: "Z"), .hashes):
            mark = .name
        case (UInt8(ascii: "a")...UInt8(ascii: "z"), .name), (UInt8(ascii: "A")...UInt8(ascii: "Z"), .name): break
        default: mark = .none
        }
        switch (place, byte) {
        case (.start, 0x20), (.start, 0x09): break
        case (.start, UInt8(ascii: ":")): place = .colon
        default: place = .inside
        }
        if isCommand { result += "\\x\(String(byte, radix: 16))".utf8 } else { result.append(byte) }
    }

    private mutating func finishCharacter(_ result: inout [UInt8]) {
        let scalar = String(decoding: pending, as: UTF8.self).unicodeScalars.first ?? "\u{FFFD}"
        if Self.isHidden(scalar) {
            result += Self.escaped(scalar).utf8
            (mark, place) = (.none, .inside)
        } else {
            result += pending
            mark = .none
            if place != .start || !scalar.properties.isWhitespace { place = .inside }
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Escapes the pending bytes, which are no character.
    private mutating func dropCharacter(_ result: inout [UInt8]) {
        for byte in pending { escape(byte, &result) }
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func escape(_ byte: UInt8, _ result: inout [UInt8]) {
        (mark, place) = (.none, .inside)
        switch byte {
        case 0x0A: result += "\\n".utf8
        case 0x0D: result += "\\r".utf8
        default: result += "\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
        }
    }

    /// Returns true if a character affects a terminal or is invisible: control characters, bidirectional controls, line
    /// and paragraph separators, characters without width, noncharacters. Unicode Standard, sections 4.5 and 5.21.
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return true
        default: return properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint
        }
    }

    /// Returns a hidden character's escape.
    static func escaped(_ scalar: Unicode.Scalar) -> String {
        guard scalar.isASCII else { return "\\u{\(String(scalar.value, radix: 16))}" }
        return "\\x\(scalar.value < 16 ? "0" : "")\(String(scalar.value, radix: 16))"
    }

    /// Returns the number of bytes of a character by its first byte. Unicode Standard, table 3-7.
    private static func length(_ first: UInt8) -> Int { first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

    /// Returns true if a byte may follow these. Unicode Standard, table 3-7.
    private static func continues(_ bytes: [UInt8], _ byte: UInt8) -> Bool {
        guard bytes.count == 1 else { return 0x80...0xBF ~= byte }
        switch bytes[0] {
        case 0xE0: return 0xA0...0xBF ~= byte
        case 0xED: return 0x80...0x9F ~= byte
        case 0xF0: return 0x90...0xBF ~= byte
        case 0xF4: return 0x80...0x8F ~= byte
        default: return 0x80...0xBF ~= byte
        }
    }
}
