/// Text for roff in the macros of man(7): any text is displayed unchanged.
struct Roff {
    enum Piece {
        case plain(String)
        case bold(String)
        case italic(String)
    }

    private(set) var text = ""
    /// True after a heading, which begins a paragraph by itself.
    private var isHeaded = false

    mutating func macro(_ name: String, _ arguments: String...) {
        isHeaded = name == "SH" || name == "SS"
        text += ".\(name)" + arguments.map { " \"\(Self.escaped($0))\"" }.joined() + "\n"
    }

    /// Adds the title line of a page: its name, its section, the day of its last change, its source, and the section's
    /// name.
    mutating func title(_ name: String, _ section: String, day: String, source: String, manual: String) {
        // Some readers parse a date as a number, so its hyphens must not be escaped.
        text +=
            """
            .TH \"\(Self.escaped(name))\" \"\(section)\" \"\(day)\" \"\(Self.escaped(source))\" \
            \"\(Self.escaped(manual))\"\n
            """
    }

    /// Adds a line of text.
    mutating func line(_ line: String) {
        let escaped = Self.escaped(line)
        // A line that begins with these characters would be a request.
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

    /// Adds an entry of a list: its names, each on a line of its own, and its description.
    mutating func entry(_ heads: [[Piece]], _ words: String) {
        macro("TP")
        text += heads.map(Self.joined).joined(separator: ", ") + "\n"
        line(words)
    }

    /// Adds lines unchanged.
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
            // Typed characters that roff would turn into a hyphen, a quotation mark or an accent.
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
