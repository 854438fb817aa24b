/// A text to type after an expression was seen on the console: `--send REGEX=TEXT`.
public struct ConsoleAnswer: Sendable, Equatable {
    public let expression: RegularExpression
    /// The bytes to type.
    public let bytes: [UInt8]

    /// The reason why a text is no answer.
    public enum Malformed: Error, Equatable, CustomStringConvertible {
        case hasNoText
        case expression(RegularExpression.Malformed)
        /// The text after the `=`; the place counts from the first character of the argument.
        case text(place: Int, reason: String)

        public var description: String {
            switch self {
            case .hasNoText:
                """
                it takes REGEX=TEXT, and there is no = behind a regular expression; one within the expression is \
                written \\=
                """
            case .expression(let error): "\(error)"
            case .text(let place, let reason): "character \(place): \(reason)"
            }
        }
    }

    /// Parses `REGEX=TEXT`, split at the first `=` without a backslash before it. TEXT may contain `\n`, `\r`, `\t`,
    /// `\e`, `\\` and `\xNN`.
    public init(_ text: String) throws(Malformed) {
        let scalars = Array(text.unicodeScalars)
        var parting = 0
        while parting < scalars.count, scalars[parting] != "=" { parting += scalars[parting] == "\\" ? 2 : 1 }
        guard parting < scalars.count, parting > 0 else { throw .hasNoText }
        do {
            expression = try RegularExpression(String(String.UnicodeScalarView(scalars[..<parting])))
        } catch {
            throw .expression(error)
        }
        var bytes: [UInt8] = []
        var next = parting + 1
        while next < scalars.count {
            let place = next
            let scalar = scalars[next]
            next += 1
            guard scalar == "\\" else {
                bytes += Array(String(scalar).utf8)
                continue
            }
            guard next < scalars.count else {
                throw .text(place: place + 1, reason: "the text ends in a backslash; write \\\\ for the character")
            }
            let escape = scalars[next]
            next += 1
            switch escape {
            case "n": bytes.append(0x0A)
            case "r": bytes.append(0x0D)
            case "t": bytes.append(0x09)
            case "e": bytes.append(0x1B)
            case "\\": bytes.append(0x5C)
            case "x":
                guard next + 1 < scalars.count,
                    let byte = RegularExpressionParser.hexadecimal(scalars[next], scalars[next + 1])
                else {
                    throw .text(place: place + 1, reason: "\\x takes two hexadecimal digits")
                }
                bytes.append(byte)
                next += 2
            default:
                throw .text(
                    place: place + 1,
                    reason: "the escape \\\(escape) is not known here; there are \\n \\r \\t \\e \\\\ \\xNN")
            }
        }
        guard !bytes.isEmpty else {
            throw .text(place: parting + 1, reason: "there is no text after the =")
        }
        self.bytes = bytes
    }
}
