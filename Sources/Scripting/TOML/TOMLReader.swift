/// Parses the parts of a TOML document, from its first scalar to its last.
struct TOMLReader {
    typealias Malformed = TOMLDocument.Malformed

    private let scalars: [Unicode.Scalar]
    private var place = 0
    private(set) var line = 1

    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
        if scalars.first == "\u{FEFF}" { place = 1 }
    }

    var next: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

    private mutating func advance() {
        if next == "\n" { line += 1 }
        place += 1
    }

    private func hasPrefix(_ text: String) -> Bool { scalars[place...].starts(with: text.unicodeScalars) }

    /// Skips `text` if it comes next. Returns false if it does not.
    mutating func consume(_ text: String) -> Bool {
        guard hasPrefix(text) else { return false }
        for _ in text.unicodeScalars { advance() }
        return true
    }

    func unexpected(_ expected: String) -> Malformed {
        let found =
            switch next {
            case nil: "the file's end"
            case "\n", "\r": "the line's end"
            case .some(let scalar):
                scalar.value < 0x20 || scalar.value == 0x7F ? "a control character" : "\"\(scalar)\""
            }
        return Malformed(line: line, reason: "expected \(expected), found \(found)")
    }

    mutating func skipBlanks() {
        while next == " " || next == "\t" { advance() }
    }

    /// Skips blank lines and comments.
    /// - Returns: false at the end.
    mutating func skipToContent() -> Bool {
        while let scalar = next {
            if scalar == "#" {
                skipComment()
            } else if scalar == " " || scalar == "\t" || scalar == "\n" || hasPrefix("\r\n") {
                advance()
            } else {
                return true
            }
        }
        return false
    }

    private mutating func skipComment() {
        while let scalar = next, scalar != "\n", !hasPrefix("\r\n"), !Self.isControl(scalar) { advance() }
    }

    /// Returns true for the control characters that TOML 1.0.0 forbids: all but tab.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.value < 0x20 && scalar != "\t") || scalar.value == 0x7F
    }

    mutating func endOfLine() throws(Malformed) {
        skipBlanks()
        if next == "#" { skipComment() }
        guard next == nil || consume("\n") || consume("\r\n") else { throw unexpected("the line's end") }
    }

    // MARK: Keys

    /// Parses `a`, `a.b`, `"a b".c`, with the blanks around it.
    mutating func keys() throws(Malformed) -> [String] {
        var keys: [String] = []
        repeat {
            skipBlanks()
            keys.append(try key())
            guard keys.count <= TOMLDocument.depthLimit else {
                throw Malformed(line: line, reason: "a key has more than \(TOMLDocument.depthLimit) parts")
            }
            skipBlanks()
        } while consume(".")
        return keys
    }

    private mutating func key() throws(Malformed) -> String {
        if next == "\"" { return try basic() }
        if next == "'" { return try literal() }
        let text = word { $0 == "_" || $0 == "-" || Self.isLetterOrDigit($0) }
        guard !text.isEmpty else { throw unexpected("a key") }
        return text
    }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar))
    }

    private mutating func word(_ belongs: (Unicode.Scalar) -> Bool) -> String {
        let start = place
        while let scalar = next, belongs(scalar) { place += 1 }
        return String(String.UnicodeScalarView(scalars[start..<place]))
    }

    // MARK: Values

    mutating func value(depth: Int) throws(Malformed) -> TOMLValue {
        let start = line
        guard depth <= TOMLDocument.depthLimit else {
            throw Malformed(line: line, reason: "values are nested more than \(TOMLDocument.depthLimit) deep")
        }
        let content: TOMLValue.Content =
            switch next {
            case "\"": .string(hasPrefix("\"\"\"") ? try longBasic() : try basic())
            case "'": .string(hasPrefix("'''") ? try longLiteral() : try literal())
            case "[": .array(try array(depth: depth))
            case "{": .table(try inlineTable(depth: depth))
            default: try plain()
            }
        return TOMLValue(content: content, line: start)
    }

    private mutating func array(depth: Int) throws(Malformed) -> [TOMLValue] {
        advance()
        var elements: [TOMLValue] = []
        while true {
            guard skipToContent() else { throw unexpected("] to end the array") }
            if consume("]") { return elements }
            elements.append(try value(depth: depth + 1))
            guard skipToContent() else { throw unexpected("] to end the array") }
            if consume("]") { return elements }
            guard consume(",") else { throw unexpected(", or ] after a value of the array") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(Malformed) -> TOMLTable {
        let table = TOMLTable(line: line, origin: .inline)
        advance()
        skipBlanks()
        if consume("}") { return table }
        while true {
            try TOMLDocument.pair(&self, into: table, depth: depth)
            skipBlanks()
            if consume("}") { return table }
            guard consume(",") else { throw unexpected(", or } after a value of the inline table") }
        }
    }

    /// Parses booleans, numbers, dates and times.
    private mutating func plain() throws(Malformed) -> TOMLValue.Content {
        let start = place
        var text = word { "+-_.:".unicodeScalars.contains($0) || Self.isLetterOrDigit($0) }
        // A single blank may separate a date and a time.
        if text.count == 10, text.contains("-"), next == " ", place + 1 < scalars.count,
            ("0"..."9").contains(scalars[place + 1])
        {
            place += 1
            text += " " + word { "+-.:".unicodeScalars.contains($0) || Self.isLetterOrDigit($0) }
        }
        if let content = Self.content(of: text) { return content }
        place = start
        guard !text.isEmpty else { throw unexpected("a value") }
        throw Malformed(line: line, reason: "\(text) is no value; a string stands in quotation marks")
    }

    private static func content(of text: String) -> TOMLValue.Content? {
        switch text {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .float(.infinity)
        case "-inf": return .float(-.infinity)
        case "nan", "+nan", "-nan": return .float(.nan)
        default: break
        }
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            guard let digits = digits(text.dropFirst(2), radix), let number = Int64(digits, radix: radix) else {
                return nil
            }
            return .integer(number)
        }
        let isSigned = text.hasPrefix("+") || text.hasPrefix("-")
        let unsigned = isSigned ? text.dropFirst() : text[...]
        let sign = text.hasPrefix("-") ? "-" : ""
        if let digits = digits(unsigned, 10) {
            guard digits.count == 1 || digits.first != "0" else { return nil }
            return Int64(sign + digits).map { .integer($0) }
        }
        if let float = float(unsigned) { return .float(sign == "-" ? -float : float) }
        return isSigned || !isDate(text) ? nil : .date(text)
    }

    /// Returns true for a date, a time, or both with or without an offset. RFC 3339, section 5.6.
    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "T" || $0 == "t" || $0 == " " }
        let first = parts[0]
        guard first.dropFirst(4).first == "-" else { return parts.count == 1 && isTime(first) }
        guard let numbers = numbers(first, "-", [4, 2, 2]), (1...12).contains(numbers[1]) else { return false }
        let isLeap = numbers[0] % 4 == 0 && (numbers[0] % 100 != 0 || numbers[0] % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][numbers[1] - 1]
        guard numbers[0] > 0, (1...days).contains(numbers[2]) else { return false }
        guard parts.count == 2 else { return true }
        if parts[1].hasSuffix("Z") || parts[1].hasSuffix("z") { return isTime(parts[1].dropLast()) }
        guard let sign = parts[1].firstIndex(where: { $0 == "+" || $0 == "-" }) else { return isTime(parts[1]) }
        guard let offset = Self.numbers(parts[1][sign...].dropFirst(), ":", [2, 2]) else { return false }
        return isTime(parts[1][..<sign]) && offset[0] < 24 && offset[1] < 60
    }

    private static func isTime(_ text: Substring) -> Bool {
        let halves = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let numbers = numbers(halves[0], ":", [2, 2, 2]), numbers[0] < 24, numbers[1] < 60, numbers[2] < 60 else {
            return false
        }
        return halves.count == 1 || (!halves[1].isEmpty && halves[1].allSatisfy { $0.isASCII && $0.isNumber })
    }

    /// Returns numbers with the given counts of digits.
    private static func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.count) == widths, parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }) else {
            return nil
        }
        return parts.compactMap { Int($0) }
    }

    /// Returns digits without the single underscores between them.
    private static func digits(_ text: Substring, _ radix: Int) -> String? {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard
            parts.allSatisfy({
                !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.hexDigitValue.map { $0 < radix } == true }
            })
        else { return nil }
        return parts.joined()
    }

    private static func float(_ text: Substring) -> Double? {
        let halves = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let parts = halves[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = digits(parts[0], 10), whole.count == 1 || whole.first != "0" else { return nil }
        var result = whole
        if parts.count == 2 {
            guard let fraction = digits(parts[1], 10) else { return nil }
            result += "." + fraction
        }
        if halves.count == 2 {
            let isSigned = halves[1].hasPrefix("+") || halves[1].hasPrefix("-")
            guard let exponent = digits(isSigned ? halves[1].dropFirst() : halves[1], 10) else { return nil }
            result += "e" + (halves[1].hasPrefix("-") ? "-" : "") + exponent
        }
        return Double(result)
    }

    // MARK: Strings

    private mutating func basic() throws(Malformed) -> String {
        advance()
        var text = String.UnicodeScalarView()
        while let scalar = next, !Self.isControl(scalar) {
            advance()
            if scalar == "\"" { return String(text) }
            text.append(scalar == "\\" ? try escape() : scalar)
        }
        throw unexpected("\" to end the string")
    }

    private mutating func literal() throws(Malformed) -> String {
        advance()
        let text = word { $0 != "'" && !Self.isControl($0) }
        guard consume("'") else { throw unexpected("' to end the string") }
        return text
    }

    private mutating func longBasic() throws(Malformed) -> String {
        try long("\"") { (reader) throws(Malformed) in
            guard reader.consume("\\") else { return nil }
            // A backslash at a line's end removes the blanks and line ends before the next word.
            let start = (reader.place, reader.line)
            reader.skipBlanks()
            guard reader.next == "\n" || reader.hasPrefix("\r\n") else {
                (reader.place, reader.line) = start
                return [try reader.escape()]
            }
            while let scalar = reader.next,
                scalar == " " || scalar == "\t" || scalar == "\n" || reader.hasPrefix("\r\n")
            { reader.advance() }
            return []
        }
    }

    private mutating func longLiteral() throws(Malformed) -> String { try long("'") { (_) throws(Malformed) in nil } }

    /// Parses a string in triple quotes; one or two quotes may precede the closing ones.
    private mutating func long(
        _ quote: Unicode.Scalar, _ special: (inout TOMLReader) throws(Malformed) -> [Unicode.Scalar]?
    ) throws(Malformed) -> String {
        let end = String(repeating: Character(quote), count: 3)
        let start = line
        _ = consume(end)
        if !consume("\n") { _ = consume("\r\n") }
        var text = String.UnicodeScalarView()
        while let scalar = next {
            if hasPrefix(end) {
                _ = consume(end)
                for _ in 0..<2 where next == quote {
                    text.append(quote)
                    advance()
                }
                return String(text)
            }
            if let replacement = try special(&self) {
                text.append(contentsOf: replacement)
                continue
            }
            guard scalar == "\n" || hasPrefix("\r\n") || !Self.isControl(scalar) else { throw unexpected("text") }
            text.append(scalar)
            advance()
        }
        throw Malformed(line: start, reason: "the \(end) is never closed")
    }

    /// Parses the characters after a backslash.
    private mutating func escape() throws(Malformed) -> Unicode.Scalar {
        let letter = next
        guard letter != nil, letter != "\n" else { throw unexpected("an escape after the backslash") }
        advance()
        switch letter {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "\"": return "\""
        case "\\": return "\\"
        case "u", "U":
            let count = letter == "u" ? 4 : 8
            let digits = String(String.UnicodeScalarView(scalars[place...].prefix(count)))
            guard digits.unicodeScalars.count == count, digits.allSatisfy(\.isHexDigit),
                let value = UInt32(digits, radix: 16),
                let scalar = Unicode.Scalar(value)
            else {
                throw Malformed(
                    line: line,
                    reason: "\\\(letter == "u" ? "u" : "U") takes \(count) hexadecimal digits of a character")
            }
            place += count
            return scalar
        default:
            let name = letter.map { String($0) } ?? ""
            throw Malformed(
                line: line,
                reason:
                    """
                    the escape \\\(name) is not known here; a regular expression stands best between single \
                    quotes, where a backslash is one
                    """
            )
        }
    }
}
