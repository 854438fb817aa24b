/// Text for roff in the macros of man(7): whatever is in it comes out as it was.
struct Roff {
    enum Piece {
        case plain(String)
        case bold(String)
        case italic(String)
    }

    private(set) var text = ""
    /// Whether a heading comes before what is next: it begins a paragraph by itself.
    private var isHeaded = false

    mutating func macro(_ name: String, _ arguments: String...) {
        isHeaded = name == "SH" || name == "SS"
        text += ".\(name)" + arguments.map { " \"\(Self.escaped($0))\"" }.joined() + "\n"
    }

    /// The first line of a page: what it is called, its section, the day of its last change, whose it is, and what the
    /// section is called.
    mutating func title(_ name: String, _ section: String, day: String, source: String, manual: String) {
        // A date is a number to some readers, whose hyphens must not be marked.
        text +=
            """
            .TH \"\(Self.escaped(name))\" \"\(section)\" \"\(day)\" \"\(Self.escaped(source))\" \
            \"\(Self.escaped(manual))\"\n
            """
    }

    /// A line of text.
    mutating func line(_ line: String) {
        let escaped = Self.escaped(line)
        // A line that begins so would be a request.
        text += (escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" : "") + escaped + "\n"
    }

    mutating func paragraph(_ words: String) {
        separate()
        for part in words.split(separator: "\n") { line(String(part)) }
    }

    mutating func paragraph(_ pieces: [Piece]) {
        separate()
        text += Self.joined(pieces) + "\n"
    }

    /// An entry of a list: what it is called, each name on a line of its own, and what it is.
    mutating func entry(_ heads: [[Piece]], _ words: String) {
        macro("TP")
        text += heads.map(Self.joined).joined(separator: ", ") + "\n"
        line(words)
    }

    /// Lines as they are.
    mutating func literal(_ lines: [String]) {
        separate()
        text += ".nf\n.RS 4\n"
        for line in lines { self.line(line) }
        text += ".RE\n.fi\n"
    }

    private mutating func separate() {
        if !isHeaded { macro("PP") }
        isHeaded = false
    }

    private static func joined(_ pieces: [Piece]) -> String {
        pieces.map { piece in
            switch piece {
            case .plain(let text): escaped(text)
            case .bold(let text): "\\fB\(escaped(text))\\fR"
            case .italic(let text): "\\fI\(escaped(text))\\fR"
            }
        }.joined()
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            // What roff would make a hyphen, a quotation mark or an accent of, and is typed.
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "\"": result += "\\(dq"
            case "`": result += "\\(ga"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            default: result.append(character)
            }
        }
        return result
    }
}
