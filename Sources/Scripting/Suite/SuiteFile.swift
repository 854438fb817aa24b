/// A suite of boots, described by a TOML file: docs/suites.md.
///
/// The whole file is checked before anything runs, and all mistakes are reported at once.
public struct SuiteFile {
    /// One boot.
    public struct Boot: Sendable, Equatable {
        /// The unique name: the boot's own name, followed by the matrix's values in brackets.
        public let name: String
        /// The name without the matrix's part.
        public let group: String
        /// The arguments of `swiftlet`.
        public fileprivate(set) var arguments: [String]
        /// The time limit, in its option's form.
        public let timeout: String
        /// The devices passed to the guest, in their option's form.
        public let devices: [String]
        /// Exit statuses that pass; nil if only a guest that passed does.
        public let statuses: [Int32]?
        /// The number of retries after a failure.
        public let retries: Int
        /// The reason to skip it; nil if it is run.
        public let skip: String?
        /// The line in the file where it begins, counted from 1.
        public let line: Int
        /// The base of the names of its files, unique in the suite.
        public fileprivate(set) var fileName = ""
        /// Files that it writes, whose paths depend on its file name and are added to the arguments later.
        public fileprivate(set) var outputs: [Output]
    }

    /// A file that a boot writes.
    public struct Output: Sendable, Equatable {
        /// The placeholder for the boot's name in a path.
        static let placeholder = "{boot}"

        /// The prefix of the path in the option, as `--report=json:`.
        let option: String
        /// The path; contains the boot's name once that is known.
        public fileprivate(set) var path: String
        public let key: String
        let line: Int
    }

    /// One mistake in the file.
    public struct Mistake: Error, Sendable, Equatable, CustomStringConvertible {
        public let line: Int
        /// Empty if it is not about a key.
        public let key: String
        public let reason: String

        public init(line: Int, key: String, reason: String) {
            self.line = line
            self.key = Self.shortened(key)
            self.reason = Self.shortened(reason)
        }

        /// Shortens a word to its beginning and its end: a file's words may have any length.
        private static func shortened(_ text: String) -> String {
            guard text.utf8.count > 1000 else { return text }
            let scalars = text.unicodeScalars
            return String(String.UnicodeScalarView(scalars.prefix(600))) + "..."
                + String(String.UnicodeScalarView(scalars.suffix(200)))
        }

        /// The text after the file's name and a colon.
        public var description: String { key.isEmpty ? "\(line): \(reason)" : "\(line): \(key): \(reason)" }
    }

    /// The mistakes in a file, in the order of its lines.
    public struct Malformed: Error, Sendable, Equatable {
        public let mistakes: [Mistake]
    }

    /// Checks that depend on this host.
    public struct Checks {
        /// Returns the reason why an option of `swiftlet run` does not accept a value; nil if it does.
        public let option: (_ name: String, _ value: String) -> String?
        /// Returns the reason why a file can't be read; nil if it can.
        public let file: (_ path: String) -> String?

        public init(
            option: @escaping (_ name: String, _ value: String) -> String?, file: @escaping (_ path: String) -> String?
        ) {
            self.option = option
            self.file = file
        }
    }

    /// The largest number of boots.
    static let bootLimit = 10_000
    /// The largest word of a command line in bytes: execve(2), MAX_ARG_STRLEN, without the option's name.
    static let wordLimit = 131_000
    /// The largest command line of a boot in bytes: half the space that a process has with the usual stack limit.
    static let lineLimit = 1 << 20
    /// The largest size of all boots' command lines together, in bytes.
    static let totalLimit = 64 << 20
    /// The largest number of mistakes that are listed.
    static let mistakeLimit = 100
    static let defaultTimeout = "60s"

    /// The suite's name; nil if the file gives none.
    public private(set) var name: String?
    public private(set) var boots: [Boot] = []

    /// - Parameters:
    ///   - text: the file's contents.
    ///   - directory: the base of its relative paths.
    public init(_ text: String, directory: String, checks: Checks) throws(Malformed) {
        let root: TOMLTable
        do throws(TOMLDocument.Malformed) {
            root = try TOMLDocument(text).root
        } catch {
            throw Malformed(mistakes: [Mistake(line: error.line, key: "", reason: error.reason)])
        }
        var reading = SuiteReading(directory: directory, checks: checks)
        boots = reading.boots(root)
        name = reading.name
        let found = reading.mistakes + nameFiles()
        guard found.isEmpty else {
            var mistakes = Array(found.sorted { $0.line < $1.line }.prefix(Self.mistakeLimit))
            let rest = found.count - reading.mistakes.count + reading.mistakeCount - mistakes.count
            if rest > 0, let last = mistakes.last {
                mistakes.append(Mistake(line: last.line, key: "", reason: "and \(rest) more mistakes"))
            }
            throw Malformed(mistakes: mistakes)
        }
    }

    /// Names each boot's files.
    /// - Returns: the mistakes: two boots that would write to one file.
    private mutating func nameFiles() -> [Mistake] {
        var mistakes: [Mistake] = []
        var writers: [String: String] = [:]
        for (index, name) in BootFileName.names(for: boots.map(\.name)).enumerated() {
            boots[index].fileName = name
            for (place, output) in boots[index].outputs.enumerated() {
                let path = output.path.replacing(Output.placeholder, with: name)
                boots[index].outputs[place].path = path
                // After everything but the time limit, which is last.
                boots[index].arguments.insert(output.option + path, at: max(boots[index].arguments.count - 1, 0))
                if let other = writers.updateValue(boots[index].name, forKey: path),
                    !mistakes.contains(where: { $0.line == output.line })
                {
                    let remedy = "\(Output.placeholder) in a path stands for the boot's own name"
                    let who =
                        other == boots[index].name
                        ? "the boot \"\(other)\" writes" : "the boots \"\(other)\" and \"\(boots[index].name)\" write"
                    mistakes.append(
                        Mistake(line: output.line, key: output.key, reason: "\(who) to \(path) twice: \(remedy)"))
                }
            }
        }
        return mistakes
    }
}
