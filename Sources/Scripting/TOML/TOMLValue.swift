/// A value of a TOML document, with the line where it begins.
struct TOMLValue {
    enum Content {
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        /// Dates and times, unparsed: no key has such a value.
        case date(String)
        case array([TOMLValue])
        case table(TOMLTable)
    }

    let content: Content
    /// The line, counted from 1.
    let line: Int

    /// The type's name, for error messages.
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
    /// The origin of a table, which decides what may still be added to it. TOML 1.0.0, "Table" and "Inline Table".
    enum Origin {
        /// Created by the header of a table inside it.
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
        /// The line of the key.
        let line: Int
        var value: TOMLValue
        /// True if the value is an array made by `[[headers]]`, which may continue.
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

    /// Appends an element to an array made by headers. Done in place, so that the time grows linearly with the number
    /// of elements.
    /// - Returns: false if there is no such array.
    func extend(_ key: String, with element: TOMLValue) -> Bool {
        guard let place = places[key], entries[place].isArrayOfTables,
            case .array(var elements) = entries[place].value.content
        else { return false }
        let line = entries[place].value.line
        // This is now the only reference to the elements, so that appending copies nothing.
        entries[place].value = TOMLValue(content: .array([]), line: line)
        elements.append(element)
        entries[place].value = TOMLValue(content: .array(elements), line: line)
        return true
    }
}
