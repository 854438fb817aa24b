/// A value of a TOML document, with the line it begins in.
struct TOMLValue {
    enum Content {
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        /// Dates and times, as they stand in the document: nothing here asks for one.
        case date(String)
        case array([TOMLValue])
        case table(TOMLTable)
    }

    let content: Content
    /// Counted from 1.
    let line: Int

    /// What it is, for a sentence.
    var kind: String {
        switch content {
        case .string: "a string"
        case .integer: "an integer"
        case .float: "a float"
        case .boolean: "a boolean"
        case .date: "a date or time"
        case .array: "an array"
        case .table: "a table"
        }
    }
}

/// A table of a TOML document, its keys in the document's order.
final class TOMLTable {
    /// How a table came about, which says what may still be added to it. TOML 1.0.0, "Table" and "Inline Table".
    enum Origin {
        /// By a header that names a table within it.
        case implicit
        /// By its own header, or as an element of an array of tables.
        case header
        /// By dotted keys.
        case dotted
        /// By braces: complete.
        case inline
    }

    struct Entry {
        let key: String
        /// Where the key stands.
        let line: Int
        var value: TOMLValue
        /// Whether the value is an array that `[[headers]]` made and may go on with.
        var isArrayOfTables = false
    }

    let line: Int
    var origin: Origin
    private(set) var entries: [Entry] = []
    private var places: [String: Int] = [:]

    init(line: Int, origin: Origin) {
        self.line = line
        self.origin = origin
    }

    subscript(key: String) -> Entry? { places[key].map { entries[$0] } }

    func append(_ entry: Entry) {
        places[entry.key] = entries.count
        entries.append(entry)
    }

    /// Puts an element behind those of an array that headers made, in place, so that an array of many is made in a time
    /// that grows with their number.
    /// - Returns: false where there is no such array.
    func extend(_ key: String, with element: TOMLValue) -> Bool {
        guard let place = places[key], entries[place].isArrayOfTables,
            case .array(var elements) = entries[place].value.content
        else { return false }
        let line = entries[place].value.line
        // The only one that has the elements now: to append copies nothing.
        entries[place].value = TOMLValue(content: .array([]), line: line)
        elements.append(element)
        entries[place].value = TOMLValue(content: .array(elements), line: line)
        return true
    }
}
