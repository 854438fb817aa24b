import Bytes

/// Text of guests and users within reports. Whatever it holds, the report stays well-formed, and a terminal or an
/// editor that shows the file does nothing but show it: what is hidden (`VisibleText`) is escaped.
public enum ReportText {
    /// Characters of XML: text or an attribute's value. Extensible Markup Language 1.0, sections 2.2, 2.4, 2.11 and
    /// 3.3.3.
    ///
    /// XML has no way to tell most control characters, and shows others raw: all that is hidden becomes a visible
    /// escape, as `\x1b`.
    static func xml(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            // Never `]]>`, which text must not have.
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            // By number, since a reader makes line ends of carriage returns, and blanks of all three in an attribute.
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

    /// The same where line ends stand for themselves.
    static func xmlLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { xml(String($0)) }.joined(separator: "\n")
    }

    /// A string in quotation marks, as JSON has it. RFC 8259, section 7.
    static func json(_ text: String) -> String {
        JSONText.quoted(text) { VisibleText.isHidden($0) ? JSONText.escaped($0) : nil }
    }

    /// A string in quotation marks, as YAML has it. YAML 1.2.2, sections 5.1 and 5.7.
    static func yaml(_ text: String) -> String {
        JSONText.quoted(text) { scalar in
            guard VisibleText.isHidden(scalar) else { return nil }
            return scalar.value < 0x10000 ? JSONText.escaped(scalar) : "\\U" + scalar.value.hexadecimalDigits(8)
        }
    }

    /// JSON in UTF-8 with all that is hidden escaped. Outside of strings JSON has nothing of the kind but line ends.
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

    /// One line of TAP, in which `#` begins a directive. Test Anything Protocol 14, "Escaping".
    static func tap(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in line(text).unicodeScalars {
            if scalar == "\\" || scalar == "#" { result.append("\\") }
            result.append(scalar)
        }
        return String(result)
    }

    /// All in one line that a terminal and a CI system only show: `VisibleText`.
    public static func line(_ text: String) -> String { VisibleText.line(text) }

    /// Seconds to the millisecond, never in powers of ten.
    static func seconds(_ seconds: Double) -> String {
        let milliseconds = seconds > 0 && seconds < 1e12 ? Int((seconds * 1000).rounded()) : 0
        let fraction = "\(milliseconds % 1000)"
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
