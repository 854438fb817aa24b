import Glibc

/// A recording that was read back: calls and their answers, in the order in which they were answered.
/// docs/recording.md.
public struct Recording: Sendable {
    public struct Line: Equatable, Sendable {
        /// The line's number in the file, counted from 1.
        public let number: Int
        public let call: RecordedCall
        public let answer: RecordedAnswer
    }

    /// The largest size of a recording in bytes.
    public static let sizeLimit = 256 << 20

    /// The name of its source, for messages.
    public let name: String
    public let lines: [Line]
    /// The number of calls that are missing because the file had reached its limit.
    public let missing: Int

    /// Reads a file.
    public init(path: String) throws(RecordingError) {
        let contents: [UInt8]
        do throws(SystemCallError) {
            let file = try Descriptor(opening: path, flags: O_RDONLY)
            var status = stat()
            guard fstat(file.raw, &status) == 0 else { throw .last("fstat", path) }
            guard status.st_size <= Self.sizeLimit else {
                throw SystemCallError(call: "read", object: path, errno: .fileTooLarge)
            }
            contents = try file.read(count: Int(status.st_size), at: 0)
        } catch {
            if error.errno == .fileTooLarge { throw .tooLarge(path) }
            throw .unreadable(path, error)
        }
        try self.init(contents, name: path)
    }

    /// Reads a recording's contents. Accepts any bytes: throws the line and the reason if they are no recording.
    public init(_ contents: [UInt8], name: String) throws(RecordingError) {
        let header = Array("\(RecordingText.header)\n".utf8)
        guard contents.starts(with: header) else { throw .notARecording(name) }
        var lines: [Line] = []
        var number = 1
        var rest = contents[header.count...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            number += 1
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if line.first == UInt8(ascii: "#") { continue }
            do throws(RecordingParser.Failure) {
                var parser = RecordingParser(line)
                if parser.consume("end ") {
                    let count = try parser.decimal()
                    let missing = parser.consume(" cut ") ? try parser.decimal() : 0
                    guard parser.isAtEnd else { throw .init("something follows the number of calls") }
                    guard count == lines.count else {
                        throw .init("it says that there are \(count) calls, and there are \(lines.count)")
                    }
                    guard rest.isEmpty else { throw .init("this is the last line, and more follow") }
                    (self.name, self.lines, self.missing) = (name, lines, missing)
                    return
                }
                let position = try parser.decimal()
                guard position == lines.count + 1 else {
                    throw .init("call \(lines.count + 1) should be here, and this is call \(position)")
                }
                let (call, answer) = try parser.callAndAnswer()
                lines.append(Line(number: number, call: call, answer: answer))
            } catch {
                throw .malformed(name, line: number, reason: error.reason)
            }
        }
        throw .cut(name, calls: lines.count)
    }
}
