/// Parses the text of a regular expression.
struct RegularExpressionParser {
    typealias Node = RegularExpression.Node
    typealias Malformed = RegularExpression.Malformed

    private static let depthLimit = 64
    private static let countLimit = 1000
    private let text: [Unicode.Scalar]
    private var next = 0
    private var depth = 0
    private var ignoresCase = false

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    mutating func parse() throws(Malformed) -> Node {
        guard !text.isEmpty else { throw Malformed(place: 1, reason: "the expression is empty") }
        let node = try choice()
        guard next == text.count else { throw error("this ) closes nothing; write \\) for the character") }
        return node
    }

    private func error(_ reason: String, at index: Int? = nil) -> Malformed {
        Malformed(place: (index ?? next) + 1, reason: reason)
    }

    private var peek: Unicode.Scalar? { next < text.count ? text[next] : nil }

    private mutating func consume(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        next += 1
        return true
    }

    private mutating func choice() throws(Malformed) -> Node {
        var nodes = [try sequence()]
        while consume("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    private mutating func sequence() throws(Malformed) -> Node {
        var nodes: [Node] = []
        while let scalar = peek, scalar != "|", scalar != ")" {
            let start = next
            guard let atom = try atom() else { continue }
            nodes.append(try quantified(atom, start))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func quantified(_ atom: Node, _ start: Int) throws(Malformed) -> Node {
        let place = next
        let bounds: (Int, Int?)
        switch peek {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
            guard let counts = try counts() else { return atom }
            bounds = counts
            next -= 1
        default: return atom
        }
        next += 1
        if case .assertion = atom {
            throw error("there is nothing to repeat: the anchor before it takes no character", at: place)
        }
        // Greedy and lazy repetitions find the same matches.
        if !consume("?"), peek == "+" { throw error("possessive repetitions (\(text[next - 1])+) are not known here") }
        if let again = peek, again == "*" || again == "+" || again == "?" {
            throw error("a repetition of a repetition; write (?:...)\(again) if it is meant")
        }
        return .repeated(atom, minimum: bounds.0, maximum: bounds.1)
    }

    /// Parses `{3}`, `{3,}`, `{,5}`, `{3,5}`; nil if the brace is an ordinary character.
    private mutating func counts() throws(Malformed) -> (Int, Int?)? {
        let start = next
        var end = start + 1
        while end < text.count, text[end] == "," || (0x30...0x39).contains(text[end].value) { end += 1 }
        guard end < text.count, text[end] == "}" else { return nil }
        // Before the comma and after it. A number that is too large stays too large.
        var bounds: [Int?] = [nil]
        for scalar in text[(start + 1)..<end] {
            if scalar == "," && bounds.count == 1 {
                bounds.append(nil)
            } else {
                guard (0x30...0x39).contains(scalar.value) else { return nil }
                bounds[bounds.count - 1] = min(
                    (bounds[bounds.count - 1] ?? 0) * 10 + Int(scalar.value - 0x30), Self.countLimit + 1)
            }
        }
        guard bounds.contains(where: { $0 != nil }) else { return nil }
        next = end + 1
        let minimum = bounds[0] ?? 0
        let maximum = bounds.count == 1 ? minimum : bounds[1]
        guard minimum <= Self.countLimit, maximum ?? 0 <= Self.countLimit else {
            throw error("a repetition counts to \(Self.countLimit) at most", at: start)
        }
        guard minimum <= maximum ?? .max else {
            let body = text[start..<next].reduce(into: "") { $0.unicodeScalars.append($1) }
            throw error("the repetition \(body) ends before it begins", at: start)
        }
        return (minimum, maximum)
    }

    /// Parses an atom.
    /// - Returns: nil for an element without a place, such as an option.
    private mutating func atom() throws(Malformed) -> Node? {
        let start = next
        let scalar = text[next]
        next += 1
        switch scalar {
        case "(": return try group(start)
        case "[": return .bytes(try set(start))
        case ".": return .bytes(.dot)
        case "^": return .assertion(.lineStart)
        case "$": return .assertion(.lineEnd)
        case "*", "+", "?":
            throw error(
                "there is nothing before the \(scalar) that it could repeat; write \\\(scalar) for the character",
                at: start)
        case "\\": return try escape(start)
        default: return literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> Node {
        let bytes = Array(String(scalar).utf8)
        guard bytes.count == 1 else { return .sequence(bytes.map { .bytes(ByteSet($0)) }) }
        return .bytes(cased(ByteSet(bytes[0])))
    }

    private func cased(_ set: ByteSet) -> ByteSet { ignoresCase ? set.ignoringCase : set }

    private mutating func group(_ start: Int) throws(Malformed) -> Node? {
        let outer = ignoresCase
        if consume("?") {
            var sets = true
            options: while true {
                switch peek {
                case "i": ignoresCase = sets
                case "-" where sets: sets = false
                case ":": break options
                case ")" where text[next - 1] != "?":
                    // (?i) is valid to the end of its group.
                    next += 1
                    return nil
                case "=", "!", "<", "P": throw error("looking around and named groups are not known here", at: start)
                default: throw error("unknown kind of group; there are (...), (?:...), (?i) and (?i:...)", at: start)
                }
                next += 1
            }
            next += 1
        }
        depth += 1
        guard depth <= Self.depthLimit else {
            throw error("groups are nested more than \(Self.depthLimit) deep", at: start)
        }
        let node = try choice()
        depth -= 1
        guard consume(")") else { throw error("this ( is never closed; write \\( for the character", at: start) }
        ignoresCase = outer
        return node
    }

    private mutating func escape(_ start: Int) throws(Malformed) -> Node {
        switch peek {
        case "b":
            next += 1
            return .assertion(.wordBoundary)
        case "B":
            next += 1
            return .assertion(.noWordBoundary)
        default:
            guard let set = try escapedSet(start) else { throw error("unreachable", at: start) }
            return set.count == 1 ? .bytes(cased(set[0])) : .sequence(set.map { .bytes($0) })
        }
    }

    /// Parses the characters after a backslash, as the bytes of one character.
    private mutating func escapedSet(_ start: Int) throws(Malformed) -> [ByteSet]? {
        guard let scalar = peek else {
            throw error("the expression ends in a backslash; write \\\\ for the character", at: start)
        }
        next += 1
        switch scalar {
        case "d": return [.digits]
        case "D": return [ByteSet.digits.inverted]
        case "w": return [.word]
        case "W": return [ByteSet.word.inverted]
        case "s": return [.space]
        case "S": return [ByteSet.space.inverted]
        case "n": return [ByteSet(0x0A)]
        case "r": return [ByteSet(0x0D)]
        case "t": return [ByteSet(0x09)]
        case "f": return [ByteSet(0x0C)]
        case "v": return [ByteSet(0x0B)]
        case "a": return [ByteSet(0x07)]
        case "e": return [ByteSet(0x1B)]
        case "x":
            guard next + 1 < text.count, let value = Self.hexadecimal(text[next], text[next + 1]) else {
                throw error("\\x takes two hexadecimal digits", at: start)
            }
            next += 2
            return [ByteSet(value)]
        case "1"..."9": throw error("back references are not known here", at: start)
        case "0"..."9", "a"..."z", "A"..."Z": throw error("the escape \\\(scalar) is not known here", at: start)
        default: return Array(String(scalar).utf8).map { ByteSet($0) }
        }
    }

    static func hexadecimal(_ high: Unicode.Scalar, _ low: Unicode.Scalar) -> UInt8? {
        guard high.properties.isASCIIHexDigit, low.properties.isASCIIHexDigit else { return nil }
        return UInt8(String(high) + String(low), radix: 16)
    }

    private mutating func set(_ start: Int) throws(Malformed) -> ByteSet {
        var result = ByteSet()
        let isInverted = consume("^")
        var isFirst = true
        while let scalar = peek {
            if scalar == "]" && !isFirst {
                next += 1
                result = cased(result)
                return isInverted ? result.inverted : result
            }
            isFirst = false
            if scalar == "[", let named = try named() {
                result = result.union(named)
                continue
            }
            let place = next
            let (first, single) = try member()
            guard let single, peek == "-", next + 1 < text.count, text[next + 1] != "]" else {
                result = result.union(first)
                continue
            }
            next += 1
            guard let last = try member().single else { throw error("a range ends in one character", at: place) }
            guard single <= last else { throw error("the range ends before it begins", at: place) }
            result = result.union(ByteSet(single...last))
        }
        throw error("this [ is never closed; write \\[ for the character", at: start)
    }

    /// Parses one member of a set. Also returns the byte if it is a single one.
    private mutating func member() throws(Malformed) -> (set: ByteSet, single: UInt8?) {
        let place = next
        let scalar = text[next]
        next += 1
        guard scalar == "\\" else {
            guard scalar.isASCII else {
                throw error("a set holds ASCII characters only; write (?:\(scalar)|...)", at: place)
            }
            return (ByteSet(UInt8(scalar.value)), UInt8(scalar.value))
        }
        if peek == "b" || peek == "B" { throw error("\\b has no meaning in a set", at: place) }
        guard let sets = try escapedSet(place), sets.count == 1 else {
            throw error("a set holds ASCII characters only", at: place)
        }
        let members = (UInt8.min...UInt8.max).filter { sets[0].contains($0) }
        return (sets[0], members.count == 1 ? members[0] : nil)
    }

    /// Parses `[:alpha:]` and its like, within a set.
    private mutating func named() throws(Malformed) -> ByteSet? {
        guard next + 1 < text.count, text[next + 1] == ":" else { return nil }
        // No class has a longer name.
        guard let end = text[(next + 2)...].prefix(16).firstIndex(of: ":"), end + 1 < text.count, text[end + 1] == "]"
        else { return nil }
        let name = String(String.UnicodeScalarView(text[(next + 2)..<end]))
        let sets: [String: ByteSet] = [
            "alpha": .letters, "digit": .digits, "alnum": ByteSet.letters.union(.digits), "space": .space,
            "blank": ByteSet(" \t"),
            "upper": ByteSet(0x41...0x5A), "lower": ByteSet(0x61...0x7A), "xdigit": ByteSet("0123456789abcdefABCDEF"),
            "print": ByteSet(0x20...0x7E), "graph": ByteSet(0x21...0x7E),
            "cntrl": ByteSet(0x00...0x1F).union(ByteSet(0x7F)),
            "punct": ByteSet(0x21...0x2F).union(ByteSet(0x3A...0x40)).union(ByteSet(0x5B...0x60)).union(
                ByteSet(0x7B...0x7E)),
        ]
        guard let set = sets[name] else { throw error("there is no class [:\(name):]") }
        next = end + 2
        return set
    }
}
