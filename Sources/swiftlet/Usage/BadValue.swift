import Scripting

/// The reason why an option does not accept a value, as a sentence that follows the option and the value.
struct BadValue: Error, Equatable, CustomStringConvertible {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    var description: String { reason }
}

/// An option's value, parsed from its text.
protocol OptionValue {
    init(option text: String) throws(BadValue)
}

extension BadValue {
    /// Returns the error for an unknown word of a few: the known words, and a suggestion.
    static func choice(_ text: String, of known: [String]) -> BadValue {
        let choices = "the choices are \(known.joined(separator: ", "))"
        return BadValue(near(text, known).map { "did you mean \($0)? (\(choices))" } ?? choices)
    }

    /// Returns the known word that may have been meant, ignoring case.
    static func near(_ text: String, _ known: [String]) -> String? { NearMiss.word(text.lowercased(), among: known) }

    /// Accepts any value but an empty one.
    static func unlessEmpty(_ text: String) throws(BadValue) -> String {
        guard !text.isEmpty else { throw BadValue("the value is empty; is a variable not set?") }
        return text
    }

    /// Parses a count.
    static func count(_ text: String, from least: Int = 1) throws(BadValue) -> Int {
        guard let number = Int(text) else { throw BadValue("this is not a whole number") }
        guard number >= least else { throw BadValue("the least is \(least)") }
        return number
    }

    /// Parses a value by its own parser, whose error becomes the reason.
    static func read<Value, Malformed: Error>(_ body: () throws(Malformed) -> Value) throws(BadValue) -> Value {
        do throws(Malformed) { return try body() } catch { throw BadValue("\(error)") }
    }

    /// Parses a type whose names are its raw values.
    static func named<Value: RawRepresentable<String> & CaseIterable>(_ text: String) throws(BadValue) -> Value {
        guard let value = Value(rawValue: text) else { throw choice(text, of: Value.allCases.map(\.rawValue)) }
        return value
    }
}
