/// A suite of boots, as a TOML file describes it: docs/suites.md.
///
/// All of it is checked before there is anything to run, and all mistakes are told at once.
public struct SuiteFile {
    /// One boot.
    public struct Boot: Sendable, Equatable {
        /// Unique: the boot's own name, and behind it in brackets what the matrix chose.
        public let name: String
        /// The name without the matrix's part.
        public let group: String
        /// The words behind `swiftlet`.
        public fileprivate(set) var arguments: [String]
        /// The time it may take, as its option takes it.
        public let timeout: String
        /// What it passes to the guest, as their options take them.
        public let devices: [String]
        /// Exit statuses that pass; nil where a guest that passed does, and no other.
        public let statuses: [Int32]?
        /// How often a failed boot is tried again.
        public let retries: Int
        /// Why it is not to be run; nil where it is.
        public let skip: String?
        /// Where it begins in the file, counted from 1.
        public let line: Int
        /// What its files are named after, as no other's of the suite.
        public fileprivate(set) var fileName = ""
        /// Files that it writes, whose paths are not among the arguments before its name is known.
        public fileprivate(set) var outputs: [Output]
    }

    /// A file that a boot writes.
    public struct Output: Sendable, Equatable {
        /// Stands for the boot's own name in a path.
        static let placeholder = "{boot}"

        /// What stands before the path in the option, as `--report=json:`.
        let option: String
        /// With the boot's own name in it, once that is known.
        public fileprivate(set) var path: String
        public let key: String
        let line: Int
    }

    /// One thing that is wrong.
    public struct Mistake: Error, Sendable, Equatable, CustomStringConvertible {
        public let line: Int
        /// Empty where there is none.
        public let key: String
        public let reason: String

        public init(line: Int, key: String, reason: String) {
            self.line = line
            self.key = Self.shortened(key)
            self.reason = Self.shortened(reason)
        }

        /// A file may have a word of any length; a sentence has its beginning and its end.
        private static func shortened(_ text: String) -> String {
            guard text.utf8.count > 1000 else { return text }
            let scalars = text.unicodeScalars
            return String(String.UnicodeScalarView(scalars.prefix(600))) + "..."
                + String(String.UnicodeScalarView(scalars.suffix(200)))
        }

        /// Behind the file's name and a colon.
        public var description: String { key.isEmpty ? "\(line): \(reason)" : "\(line): \(key): \(reason)" }
    }

    /// What is wrong with a file, in the order of its lines.
    public struct Malformed: Error, Sendable, Equatable {
        public let mistakes: [Mistake]
    }

    /// The questions that this host has to answer.
    public struct Checks {
        /// Why an option of `swiftlet run` doesn't take a value; nil where it does.
        public let option: (_ name: String, _ value: String) -> String?
        /// Why a file can't be read; nil where it can.
        public let file: (_ path: String) -> String?

        public init(
            option: @escaping (_ name: String, _ value: String) -> String?, file: @escaping (_ path: String) -> String?
        ) {
            self.option = option
            self.file = file
        }
    }

    /// More than a suite can mean.
    static let bootLimit = 10_000
    /// Bytes of a word of a command line: execve(2), MAX_ARG_STRLEN, without the option's name.
    static let wordLimit = 131_000
    /// Bytes of a boot's command line: half of what a process gets with the usual limit of the stack.
    static let lineLimit = 1 << 20
    /// Bytes of all boots' command lines together.
    static let totalLimit = 64 << 20
    /// How many mistakes are told one by one.
    static let mistakeLimit = 100
    static let defaultTimeout = "60s"

    /// The suite's name; nil where it gives itself none.
    public private(set) var name: String?
    public private(set) var boots: [Boot] = []

    /// - Parameters:
    ///   - text: the file.
    ///   - directory: what its relative paths begin at.
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
    /// - Returns: what is wrong: two boots that would write to one file.
    private mutating func nameFiles() -> [Mistake] {
        var mistakes: [Mistake] = []
        var writers: [String: String] = [:]
        for (index, name) in BootFileName.names(for: boots.map(\.name)).enumerated() {
            boots[index].fileName = name
            for (place, output) in boots[index].outputs.enumerated() {
                let path = output.path.replacing(Output.placeholder, with: name)
                boots[index].outputs[place].path = path
                // Behind all but the time limit, which is the last.
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
