import Scripting

/// Why an option does not take a value, as a sentence that stands behind the option and the value.
struct BadValue: Error, Equatable, CustomStringConvertible {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    var description: String { reason }
}

/// An option's value, read from its text.
protocol OptionValue {
    init(option text: String) throws(BadValue)
}

extension BadValue {
    /// For one word of a few: which there are, and which may have been meant.
    static func choice(_ text: String, of known: [String]) -> BadValue {
        let choices = "the choices are \(known.joined(separator: ", "))"
        return BadValue(near(text, known).map { "did you mean \($0)? (\(choices))" } ?? choices)
    }

    /// The known word that may have been meant, whatever its case.
    static func near(_ text: String, _ known: [String]) -> String? { NearMiss.word(text.lowercased(), among: known) }

    /// For a value that must not be empty.
    static func unlessEmpty(_ text: String) throws(BadValue) -> String {
        guard !text.isEmpty else { throw BadValue("the value is empty; is a variable not set?") }
        return text
    }

    /// For a count of something.
    static func count(_ text: String, from least: Int = 1) throws(BadValue) -> Int {
        guard let number = Int(text) else { throw BadValue("this is not a whole number") }
        guard number >= least else { throw BadValue("the least is \(least)") }
        return number
    }

    /// For a type whose names are its raw values.
    static func named<Value: RawRepresentable<String> & CaseIterable>(_ text: String) throws(BadValue) -> Value {
        guard let value = Value(rawValue: text) else { throw choice(text, of: Value.allCases.map(\.rawValue)) }
        return value
    }
}
