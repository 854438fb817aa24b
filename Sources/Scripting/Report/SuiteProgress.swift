/// The progress of a suite, as lines for a terminal.
public struct SuiteProgress: Sendable, Equatable {
    /// A running test.
    public struct Boot: Sendable, Equatable {
        public let name: String
        /// The number of the attempt, from 1.
        public let attempt: Int
        public let seconds: Double

        public init(name: String, attempt: Int = 1, seconds: Double) {
            self.name = name
            self.attempt = attempt
            self.seconds = seconds
        }
    }

    /// The number of tests, finished or not.
    public let planned: Int
    public var counts = TestCounts()
    /// The running tests, in the order in which they began.
    public var running: [Boot] = []
    /// Seconds since the suite began.
    public var seconds = 0.0

    /// The largest width of a line on any terminal, so that names are easy to find.
    private static let widest = 100

    public init(planned: Int) { self.planned = planned }

    /// Returns the overall progress, then a line per running test, the longest-running first.
    /// - Parameters:
    ///   - width: the columns of a line, 1 or more.
    ///   - height: the largest number of lines, 1 or more; the last one then counts the tests without a line.
    public func lines(width: Int, height: Int) -> [String] {
        var parts = ["[\(counts.all)/\(planned)]", "\(counts.failed) failed,"]
        if counts.errors > 0 { parts.append("\(counts.errors) \(counts.errors == 1 ? "error," : "errors,")") }
        if counts.flaky > 0 { parts.append("\(counts.flaky) flaky,") }
        if counts.skipped > 0 { parts.append("\(counts.skipped) skipped,") }
        parts += ["\(running.count) running,", Self.time(seconds)]
        var lines = [parts.joined(separator: " ")]
        let room = max(height, 1) - 1
        let shown = running.count <= room ? running.count : max(room - 1, 0)
        for boot in running.prefix(shown) {
            let time = Self.time(boot.seconds)
            let attempt = boot.attempt > 1 ? " (attempt \(boot.attempt))" : ""
            lines.append(
                String(repeating: " ", count: max(8 - time.utf8.count, 1)) + time + " " + ReportText.line(boot.name)
                    + attempt)
        }
        if shown < running.count, room > 0 {
            lines.append("         and \(running.count - shown)\(shown > 0 ? " more" : "")")
        }
        return lines.map { Self.cut($0, to: min(width, Self.widest)) }
    }

    private static func time(_ seconds: Double) -> String {
        let whole = seconds > 0 && seconds < 1e9 ? Int(seconds) : 0
        let (minutes, rest) = (whole / 60, whole % 60)
        return minutes == 0 ? "\(rest)s" : "\(minutes)m\(rest < 10 ? "0" : "")\(rest)s"
    }

    /// Shortens a line to the width: a terminal would wrap it. Characters outside ASCII count double, like the widest
    /// characters.
    private static func cut(_ line: String, to width: Int) -> String {
        func columns(_ scalar: Unicode.Scalar) -> Int { scalar.isASCII ? 1 : 2 }
        guard line.unicodeScalars.reduce(0, { $0 + columns($1) }) > width else { return line }
        let mark = width >= 10 ? "..." : ""
        var left = width - mark.utf8.count
        let kept = line.unicodeScalars.prefix { scalar in
            left -= columns(scalar)
            return left >= 0
        }
        return String(kept) + mark
    }
}
