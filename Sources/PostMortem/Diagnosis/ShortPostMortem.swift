/// The most important parts of a post-mortem: docs/post-mortem.md.
extension PostMortem {
    /// The largest number of vCPUs that get a sentence.
    private static let vcpuLimit = 4
    /// The largest number of callers shown.
    private static let callerLimit = 5
    /// The number of lines shown from the end of a kernel's log.
    private static let logLimit = 30
    /// The number of log lines in the full text.
    static let fullLogLimit = 100
    /// The largest number of bytes of such a line.
    private static let lineLength = 240

    /// The short text for people: at most a dozen lines, followed by the guest's own messages that its console did not
    /// show.
    public var shortLines: [String] {
        var lines = vcpus.count <= Self.vcpuLimit ? diagnosis : ranked.prefix(Self.vcpuLimit).map { self.diagnosis($0) }
        if vcpus.count > Self.vcpuLimit {
            lines.append(
                "and \(vcpus.count - Self.vcpuLimit) more vCPUs: --post-mortem full has the first of them, a report all"
            )
        }
        for vcpu in suspects {
            // This line alone names the instruction that KVM could not emulate.
            if case .internalError = cause { lines += vcpu.registerLines }
            if let exception = vcpu.earlier.flatMap({ ExceptionFrame.runs($0.exceptions).first }) {
                lines.append("the oldest exception near its stack pointer then (it may be stale): \(exception)")
            }
            if let callers = Self.callers(vcpu.earlier?.stack ?? vcpu.backtrace) {
                lines.append("backtrace of vCPU \(vcpu.number): \(callers)")
            }
        }
        lines.append("registers, stack and the last exits: --post-mortem full")
        lines += logLines(Self.logLimit)
        if !hasConsoleOutput { lines += screenLines }
        return lines + hintLines
    }

    /// Returns the callers that have names, in one line; nil if none has.
    private static func callers(_ stack: [StackFrame]) -> String? {
        let frames = stack.dropFirst().filter { $0.symbol != nil }.prefix(callerLimit)
        guard !frames.isEmpty else { return nil }
        let names = frames.map { "\($0.symbol ?? "")\($0.isCertain ? "" : " ?")" }.joined(separator: ", ")
        return names + (frames.contains { !$0.isCertain } ? " (? = found on the stack, may be stale)" : "")
    }

    var hintLines: [String] { hints.map { "hint: \($0)" } }

    /// Returns the last lines of the kernel's log under a heading; empty if it was not read.
    func logLines(_ limit: Int) -> [String] {
        guard let log else { return [] }
        let count = min(log.lines.count, limit)
        let part =
            count < log.lines.count
            ? "the last \(count) of \(log.lines.count) lines" : "\(count) \(count == 1 ? "line" : "lines")"
        let way = log.source == .symbols ? "by its names" : "found by its first words"
        return ["the kernel's log, read out of its memory (\(way)), \(part):"]
            + log.lines.suffix(limit).map { "  " + Self.cut($0) }
    }

    /// Shortens a line: the text goes through a suite's pipe, which holds no more than 64 KiB.
    private static func cut(_ line: String) -> String {
        guard line.utf8.count > lineLength else { return line }
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in line.unicodeScalars {
            count += UTF8.width(scalar)
            guard count <= lineLength else { break }
            result.append(scalar)
        }
        return String(result) + "..."
    }
}
