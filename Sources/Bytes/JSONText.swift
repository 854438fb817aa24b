/// Strings as JSON has them. RFC 8259, section 7.
public enum JSONText {
    /// A string in quotation marks. What must be escaped is.
    /// - Parameter escape: a form of its own for a character that a reader may not show as it is; nil for those that
    ///   stand for themselves.
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

    /// Appends a string in quotation marks that is ASCII alone, so that no viewer obeys what a guest says.
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
