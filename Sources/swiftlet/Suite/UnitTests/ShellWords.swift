/// Splits text into words as a shell does: blanks, single and double quotes, backslashes. POSIX.1-2017, Shell Command
/// Language, section 2.2.
enum ShellWords {
    enum SplitError: Error, Equatable, CustomStringConvertible {
        case openQuote(Character)
        /// A command or variable without a known value.
        case expansion(String)

        var description: String {
            switch self {
            case .openQuote(let quote): "a \(quote) that is never closed"
            case .expansion(let text): "\(text), which only a shell can answer"
            }
        }
    }

    /// - Parameter substitute: the output of a command between backticks, nil if it isn't known.
    static func split(_ text: String, substitute: (String) -> String? = { _ in nil }) throws(SplitError) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var rest = text[...]
        while let character = rest.popFirst() {
            switch (character, quote) {
            case (let mark, .some(let open)) where mark == open: quote = nil
            case (_, "'"): word = (word ?? "") + String(character)
            case ("'", nil), ("\"", nil):
                quote = character
                word = word ?? ""
            case ("\\", _):
                guard let next = rest.popFirst() else { break }
                // Between double quotes a backslash is special only before these.
                if quote != nil, !"\"\\$`\n".contains(next) { word = (word ?? "") + "\\" }
                if next != "\n" { word = (word ?? "") + String(next) }
            case ("`", _):
                guard let end = rest.firstIndex(of: "`") else { throw .openQuote("`") }
                let command = String(rest[..<end])
                guard let output = substitute(command) else { throw .expansion("`\(command)`") }
                rest = rest[rest.index(after: end)...]
                word = (word ?? "") + output
            case ("$", _): throw .expansion("$\(rest.prefix { !$0.isWhitespace })")
            case (let blank, nil) where blank.isWhitespace:
                if let whole = word { words.append(whole) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        if let quote { throw .openQuote(quote) }
        if let word { words.append(word) }
        return words
    }
}
