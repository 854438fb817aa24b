/// The result of a run for the suite that started it, as a value and as bytes.
///
/// A process's exit status alone proves nothing: a program that printed its help, or failed before it parsed its
/// arguments, may end with 0 too. So a suite trusts only this result, and only if it is complete and agrees with the
/// exit status.
public struct RunResult: Sendable, Equatable {
    /// The way in which the run ended.
    public enum Ending: String, Sendable, CaseIterable {
        // Caused by the guest.
        case exitPort = "exit-port"
        case powerOff = "power-off"
        case console
        case panic, reset, hang, timeout
        case tripleFault = "triple-fault"
        case internalError = "internal-error"
        // Caused by something else, which says nothing about the guest.
        case interrupted
        case hostFailure = "host-failure"
        case notStarted = "not-started"

        /// True if it says something about the guest.
        public var isOfGuest: Bool {
            switch self {
            case .exitPort, .powerOff, .console, .panic, .reset, .hang, .timeout, .tripleFault, .internalError: true
            case .interrupted, .hostFailure, .notStarted: false
            }
        }
    }

    /// The reason why bytes are no result.
    public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    public var ending: Ending
    /// The outcome in a run's report, such as `passed`.
    public var outcome: String
    /// The exit status, 0 to 255.
    public var status: Int32
    /// The run's last line.
    public var sentence: String
    /// The lines of the post-mortem; empty if there is none.
    public var postMortem: [String]
    /// The number of bytes of the guest's console that could not be written.
    public var lostConsoleBytes: UInt64
    /// The number of bytes dropped because the console's file had reached its limit.
    public var missingConsoleBytes: UInt64
    /// The last bytes of the console; empty if nothing is missing in the console's file.
    public var consoleTail: String
    /// Further sentences about the run.
    public var notes: [String]

    public init(
        ending: Ending, outcome: String, status: Int32, sentence: String, postMortem: [String] = [],
        lostConsoleBytes: UInt64 = 0,
        missingConsoleBytes: UInt64 = 0, consoleTail: String = "", notes: [String] = []
    ) {
        self.ending = ending
        self.outcome = outcome
        self.status = status
        self.sentence = sentence
        self.postMortem = postMortem
        self.lostConsoleBytes = lostConsoleBytes
        self.missingConsoleBytes = missingConsoleBytes
        self.consoleTail = consoleTail
        self.notes = notes
    }
}

extension RunResult {
    /// The largest size of a result in bytes.
    public static let byteLimit = 1 << 20
    private static let heading = "swiftlet-result 1\n"

    /// Returns the result in at most `limit` bytes, if its required parts fit: without the console's end, the notes,
    /// and the last lines of the post-mortem, whose number its last line then gives.
    public func encoded(within limit: Int) -> [UInt8] {
        let whole = encoded
        guard whole.count > limit else { return whole }
        var short = self
        (short.consoleTail, short.notes) = ("", [])
        // Room for that last line.
        var excess = short.encoded.count + 100 - limit
        while excess > 0, let line = short.postMortem.popLast() {
            excess -= "post-mortem \(line.utf8.count)".utf8.count + line.utf8.count + 2
        }
        if case let rest = postMortem.count - short.postMortem.count, rest > 0 {
            short.postMortem.append("and \(rest) more lines")
        }
        return short.encoded
    }

    /// Returns lines of `key length`, each followed by that many bytes and a line end. `end` is the last one, so that a
    /// truncated result is recognized.
    public var encoded: [UInt8] {
        var bytes = Array(Self.heading.utf8)
        func add(_ key: String, _ value: String) {
            bytes += Array("\(key) \(value.utf8.count)\n".utf8) + Array(value.utf8) + [10]
        }
        add("ending", ending.rawValue)
        add("outcome", outcome)
        add("status", "\(status)")
        add("sentence", sentence)
        add("lost-console-bytes", "\(lostConsoleBytes)")
        add("missing-console-bytes", "\(missingConsoleBytes)")
        add("console-tail", consoleTail)
        for line in notes { add("note", line) }
        for line in postMortem { add("post-mortem", line) }
        add("end", "")
        return bytes
    }

    public init(encoded bytes: [UInt8]) throws(Malformed) {
        guard !bytes.isEmpty else { throw Malformed(description: "it is empty") }
        guard bytes.count <= Self.byteLimit else {
            throw Malformed(description: "it is longer than \(Self.byteLimit) bytes")
        }
        guard bytes.starts(with: Self.heading.utf8) else {
            throw Malformed(description: "it does not begin as a result does")
        }
        var rest = bytes.dropFirst(Self.heading.utf8.count)
        var values: [String: String] = [:]
        var (lines, notes): ([String], [String]) = ([], [])
        while true {
            let (key, value) = try Self.next(&rest)
            if key == "end" { break }
            if key == "post-mortem" {
                lines.append(value)
                continue
            }
            if key == "note" {
                notes.append(value)
                continue
            }
            guard values.updateValue(value, forKey: key) == nil else {
                throw Malformed(description: "it has \(key) twice")
            }
        }
        guard rest.isEmpty else { throw Malformed(description: "something follows its end") }
        func value(_ key: String) throws(Malformed) -> String {
            guard let value = values.removeValue(forKey: key) else { throw Malformed(description: "it has no \(key)") }
            return value
        }
        guard let ending = Ending(rawValue: try value("ending")) else {
            throw Malformed(description: "its ending is not known")
        }
        guard let status = Int32(try value("status")), (0...255).contains(status) else {
            throw Malformed(description: "its status is not a number from 0 to 255")
        }
        guard let lost = UInt64(try value("lost-console-bytes")),
            let missing = UInt64(try value("missing-console-bytes"))
        else {
            throw Malformed(description: "its count of lost bytes is not a number")
        }
        self.init(
            ending: ending, outcome: try value("outcome"), status: status, sentence: try value("sentence"),
            postMortem: lines, lostConsoleBytes: lost,
            missingConsoleBytes: missing, consoleTail: try value("console-tail"), notes: notes)
        guard values.isEmpty else { throw Malformed(description: "it has a key that is not known") }
    }

    private static func next(_ rest: inout ArraySlice<UInt8>) throws(Malformed) -> (key: String, value: String) {
        let cut = Malformed(description: "it is cut off")
        guard let lineEnd = rest.firstIndex(of: 10) else { throw cut }
        let words = String(decoding: rest[..<lineEnd], as: UTF8.self).split(
            separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let count = Int(words[1]), count >= 0 else {
            throw Malformed(description: "a line of it names no key and length")
        }
        rest = rest[(lineEnd + 1)...]
        guard count < rest.count else { throw cut }
        let value = rest.prefix(count)
        rest = rest.dropFirst(count)
        guard rest.popFirst() == 10 else { throw Malformed(description: "a value of it is longer than it says") }
        return (String(words[0]), String(decoding: value, as: UTF8.self))
    }
}
