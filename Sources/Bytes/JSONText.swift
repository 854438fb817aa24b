/// Strings in JSON syntax. RFC 8259, section 7.
public enum JSONText {
    /// Returns the string in quotation marks, with escapes where JSON requires them.
    /// - Parameter escape: returns an escape for a character that a reader may not display; nil to keep the character.
    public static func quoted(_ text: String, _ escape: (Unicode.Scalar) -> String?) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: if let escaped = escape(scalar) { result += escaped } else { result.unicodeScalars.append(scalar) }
            }
        }
        return result + "\""
    }

    /// `\uXXXX`, or two of them.
    public static func escaped(_ scalar: Unicode.Scalar) -> String {
        UTF16.encode(scalar).map { units in units.map { "\\u" + $0.hexadecimalDigits(4) }.joined() } ?? "\\ufffd"
    }

    /// Appends a quoted string of ASCII only, so that no viewer obeys control sequences of the guest.
    public static func append(ascii text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            switch unit {
            case 0x22, 0x5C: bytes += [UInt8(ascii: "\\"), UInt8(truncatingIfNeeded: unit)]
            case 0x20..<0x7F: bytes.append(UInt8(truncatingIfNeeded: unit))
            default: bytes += "\\u\(unit.hexadecimalDigits(4))".utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
