/// A TOML document (toml.io, version 1.0.0) in which every key and value has its line number, for error messages.
struct TOMLDocument {
    /// The reason why a text is no TOML.
    struct Malformed: Error, Equatable, CustomStringConvertible {
        /// Counted from 1.
        let line: Int
        let reason: String

        var description: String { "line \(line): \(reason)" }
    }

    let root: TOMLTable

    /// The largest number of keys in a header or a dotted key, and the deepest nesting of values: more than anyone
    /// writes, and few enough that neither parsing nor deallocation overflows the stack.
    static let depthLimit = 64

    init(_ text: String) throws(Malformed) {
        var reader = TOMLReader(text)
        root = TOMLTable(line: 1, origin: .header)
        var current = root
        while reader.skipToContent() {
            if reader.next == "[" {
                current = try Self.header(&reader, root)
            } else {
                try Self.pair(&reader, into: current)
            }
            try reader.endOfLine()
        }
    }

    /// Parses `[a.b]` or `[[a.b]]`: returns the table for the following lines.
    private static func header(_ reader: inout TOMLReader, _ root: TOMLTable) throws(Malformed) -> TOMLTable {
        let line = reader.line
        let isArray = reader.consume("[[")
        if !isArray { _ = reader.consume("[") }
        var keys = try reader.keys()
        guard reader.consume(isArray ? "]]" : "]") else {
            throw reader.unexpected("\(isArray ? "]]" : "]") to end the header")
        }
        let last = keys.removeLast()
        var table = root
        for key in keys {
            guard let entry = table[key] else {
                let inner = TOMLTable(line: line, origin: .implicit)
                table.append(.init(key: key, line: line, value: TOMLValue(content: .table(inner), line: line)))
                table = inner
                continue
            }
            switch entry.value.content {
            case .table(let inner) where inner.origin != .inline: table = inner
            case .array(let elements) where entry.isArrayOfTables:
                guard case .table(let inner)? = elements.last?.content else { throw repeated(key, line, entry) }
                table = inner
            default: throw repeated(key, line, entry)
            }
        }
        let made = TOMLTable(line: line, origin: .header)
        let value = TOMLValue(content: .table(made), line: line)
        if isArray, table.extend(last, with: value) { return made }
        guard let entry = table[last] else {
            let content = isArray ? TOMLValue(content: .array([value]), line: line) : value
            table.append(.init(key: last, line: line, value: content, isArrayOfTables: isArray))
            return made
        }
        switch entry.value.content {
        case .table(let inner) where !isArray && inner.origin == .implicit:
            inner.origin = .header
            return inner
        default: throw repeated(last, line, entry)
        }
    }

    /// Parses `a.b = VALUE`.
    static func pair(_ reader: inout TOMLReader, into start: TOMLTable, depth: Int = 0) throws(Malformed) {
        let line = reader.line
        var keys = try reader.keys()
        let depth = depth + keys.count
        guard depth <= depthLimit else {
            throw Malformed(line: line, reason: "keys and values are nested more than \(depthLimit) deep")
        }
        guard reader.consume("=") else { throw reader.unexpected("= after the key \(keys.joined(separator: "."))") }
        reader.skipBlanks()
        let last = keys.removeLast()
        var table = start
        for key in keys {
            guard let entry = table[key] else {
                let inner = TOMLTable(line: line, origin: .dotted)
                table.append(.init(key: key, line: line, value: TOMLValue(content: .table(inner), line: line)))
                table = inner
                continue
            }
            guard case .table(let inner) = entry.value.content, inner.origin == .dotted else {
                throw repeated(key, line, entry)
            }
            table = inner
        }
        if let entry = table[last] { throw repeated(last, line, entry) }
        table.append(.init(key: last, line: line, value: try reader.value(depth: depth)))
    }

    private static func repeated(_ key: String, _ line: Int, _ entry: TOMLTable.Entry) -> Malformed {
        Malformed(line: line, reason: "\(key) is there already, as \(entry.value.kind) in line \(entry.line)")
    }
}
