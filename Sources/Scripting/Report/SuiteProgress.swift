/// How far a suite is, as lines for a terminal.
public struct SuiteProgress: Sendable, Equatable {
    /// A test that runs now.
    public struct Boot: Sendable, Equatable {
        public let name: String
        /// From 1.
        public let attempt: Int
        public let seconds: Double

        public init(name: String, attempt: Int = 1, seconds: Double) {
            self.name = name
            self.attempt = attempt
            self.seconds = seconds
        }
    }

    /// How many tests there are, over or not.
    public let planned: Int
    public var counts = TestCounts()
    /// Those that run, in the order in which they began.
    public var running: [Boot] = []
    /// Since the suite began.
    public var seconds = 0.0

    /// No line is longer, however wide the terminal is: the eye has to find the names.
    private static let widest = 100

    public init(planned: Int) { self.planned = planned }

    /// The whole first, then a line a running test, the one that has run longest first.
    /// - Parameters:
    ///   - width: columns a line may take, 1 or more.
    ///   - height: how many lines at most, 1 or more; the last one then counts the tests that have none.
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

    /// Never wider than asked for: a terminal would break the line. What is no ASCII counts double, as the widest
    /// characters do.
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
