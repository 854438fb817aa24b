import Bytes

/// Text of guests and users within reports. For any text the report stays well-formed, and a terminal or an editor only
/// displays it: hidden characters (`VisibleText`) are escaped.
public enum ReportText {
    /// Returns characters of XML: text or an attribute's value. Extensible Markup Language 1.0, sections 2.2, 2.4, 2.11
    /// and 3.3.3.
    ///
    /// XML can't express most control characters, and displays others raw: all hidden characters become visible
    /// escapes, such as `\x1b`.
    static func xml(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            // Text must not contain `]]>`.
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            // As numbers, since a reader converts carriage returns to line ends, and all three to blanks in an
            // attribute.
            case "\r", "\n", "\t": result.append(contentsOf: "&#\(scalar.value);".unicodeScalars)
            default:
                if VisibleText.isHidden(scalar) {
                    result.append(contentsOf: VisibleText.escaped(scalar).unicodeScalars)
                } else {
                    result.append(scalar)
                }
            }
        }
        return String(result)
    }

    /// Returns the same, but keeps line ends.
    static func xmlLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { xml(String($0)) }.joined(separator: "\n")
    }

    /// Returns a string in quotation marks, in JSON syntax. RFC 8259, section 7.
    static func json(_ text: String) -> String {
        JSONText.quoted(text) { VisibleText.isHidden($0) ? JSONText.escaped($0) : nil }
    }

    /// Returns a string in quotation marks, in YAML syntax. YAML 1.2.2, sections 5.1 and 5.7.
    static func yaml(_ text: String) -> String {
        JSONText.quoted(text) { scalar in
            guard VisibleText.isHidden(scalar) else { return nil }
            return scalar.value < 0x10000 ? JSONText.escaped(scalar) : "\\U" + scalar.value.hexadecimalDigits(8)
        }
    }

    /// Returns JSON in UTF-8 with all hidden characters escaped. Outside of strings JSON has none but line ends.
    public static func plainJSON(_ document: [UInt8]) -> [UInt8] {
        guard document.contains(where: { $0 >= 0x7F }) else { return document }
        var result: [UInt8] = []
        result.reserveCapacity(document.count)
        for scalar in String(decoding: document, as: UTF8.self).unicodeScalars {
            if scalar.value >= 0x7F, VisibleText.isHidden(scalar) {
                result += JSONText.escaped(scalar).utf8
            } else {
                result += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
        return result
    }

    /// Returns one line of TAP, in which `#` begins a directive. Test Anything Protocol 14, "Escaping".
    static func tap(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in line(text).unicodeScalars {
            if scalar == "\\" || scalar == "#" { result.append("\\") }
            result.append(scalar)
        }
        return String(result)
    }

    /// Returns the text as one line that is safe for a terminal and a CI system: `VisibleText`.
    public static func line(_ text: String) -> String { VisibleText.line(text) }

    /// Returns seconds with milliseconds, never in exponent notation.
    static func seconds(_ seconds: Double) -> String {
        let milliseconds = seconds > 0 && seconds < 1e12 ? Int((seconds * 1000).rounded()) : 0
        let fraction = "\(milliseconds % 1000)"
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
