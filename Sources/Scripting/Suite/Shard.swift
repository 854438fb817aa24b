/// One of several parts of a suite, each run by another job.
public struct Shard: Sendable, Equatable {
    /// The reason why a text or an environment names no shard.
    public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// The number, 1 to `count`.
    public let number: Int
    public let count: Int

    private init(_ number: Int?, _ count: Int?, _ failure: String) throws(Malformed) {
        guard let number, let count, count >= 1, (1...count).contains(number) else {
            throw Malformed(description: failure)
        }
        (self.number, self.count) = (number, count)
    }

    /// Parses `I/N`, 1/N to N/N.
    public init(_ text: String) throws(Malformed) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        try self.init(
            parts.count == 2 ? Int(parts[0]) : nil, parts.count == 2 ? Int(parts[1]) : nil,
            "\(text) is no shard: it takes I/N, from 1/N to N/N, as 2/4")
    }

    /// The environment variables of parallel jobs in CI systems: index, count, and the value of the first index.
    private static let variables: [(index: String, count: String, first: Int)] = [
        // GitLab CI/CD, "Predefined variables".
        ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
        // CircleCI, "Test splitting".
        ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
        // Buildkite, "Parallel jobs".
        ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
        // Azure Pipelines, "Slicing".
        ("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", 1),
        // Kubernetes, Indexed Jobs: the count is only in the Job, which passes it on by this name.
        ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0),
    ]

    /// Returns the shard that a CI system's variables name; nil if there are none.
    /// - Parameter value: returns a variable's value, nil if it isn't set.
    public static func fromEnvironment(_ value: (String) -> String?) throws(Malformed) -> Shard? {
        for (index, count, first) in variables {
            guard let position = value(index), let total = value(count), !position.isEmpty, !total.isEmpty else {
                continue
            }
            return try Shard(
                Int(position).flatMap { $0 < Int.max ? $0 + 1 - first : nil }, Int(total),
                "\(index)=\(position) and \(count)=\(total) are no shard; --shard 1/1 runs all")
        }
        return nil
    }

    /// Returns true if the test at a place, counted from 0, belongs to this shard. Shards take turns, since neighbours
    /// often take a similar time.
    public func contains(_ place: Int) -> Bool { place % count == number - 1 }
}
