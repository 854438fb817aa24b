/// Text of guests and users within reports. Whatever it holds, the report stays well-formed; what can't be told in a format is told by a sign.
public enum ReportText {
    /// Characters of XML: text or an attribute's value. Extensible Markup Language 1.0, sections 2.2, 2.4, 2.11 and 3.3.3.
    ///
    /// A control character, which XML has no way to tell, becomes its picture (U+2400 and on), another one U+FFFD.
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
            case "\u{FFFE}", "\u{FFFF}": result.append("\u{FFFD}")
            default: result.append(picture(of: scalar) ?? scalar)
            }
        }
        return String(result)
    }

    /// The same where line ends stand for themselves.
    static func xmlLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { xml(String($0)) }.joined(separator: "\n")
    }

    /// A string in quotation marks that JSON and YAML both read. RFC 8259, section 7; YAML 1.2.2, sections 5.1 and 5.7.
    static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            // JSON needs only the first escaped; the others are line ends, marks or no characters of YAML's.
            case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
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

    /// All in one line: control characters become their pictures, the other line ends blanks.
    public static func line(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t", "\u{85}", "\u{2028}", "\u{2029}": result.append(" ")
            case "\n": result.append("\u{240A}")
            case "\r": result.append("\u{240D}")
            default: result.append(picture(of: scalar) ?? scalar)
            }
        }
        return String(result)
    }

    /// Seconds to the millisecond, never in powers of ten.
    static func seconds(_ seconds: Double) -> String {
        let milliseconds = seconds > 0 && seconds < 1e12 ? Int((seconds * 1000).rounded()) : 0
        let fraction = "\(milliseconds % 1000)"
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    private static func picture(of scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar.value {
        case 0...8, 0xB, 0xC, 0xE...0x1F: Unicode.Scalar(0x2400 + scalar.value)
        case 0x7F: "\u{2421}"
        // Allowed, but a terminal's.
        case 0x80...0x84, 0x86...0x9F: "\u{FFFD}"
        default: nil
        }
    }
}
