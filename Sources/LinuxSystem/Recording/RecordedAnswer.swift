/// The answer to a call: the rest of a recording's line. docs/recording.md.
public struct RecordedAnswer: Equatable, Sendable {
    /// Bytes that the kernel replaced.
    public struct Change: Equatable, Sendable {
        /// The offset in the structure, or in the buffer of a read.
        public let offset: Int
        /// The new bytes; only the four bytes of a new descriptor's number vary.
        public let bytes: RecordedBytes
    }

    public enum Result: Equatable, Sendable {
        /// The call's result, or the negated errno.
        case number(Int)
        /// A new descriptor, whose number differs in another run.
        case descriptor
    }

    public let changes: [Change]
    public let result: Result

    init(changes: [Change] = [], result: Result) {
        self.changes = changes
        self.result = result
    }

    /// The answer to an ioctl that took a number.
    init(request: UInt, answer: Int32) {
        self.init(result: Self.result(request, answer))
    }

    /// The answer to an ioctl that took a structure.
    /// - Parameters:
    ///   - given: the structure before the call.
    ///   - taken: the structure after it, of the same size.
    init(request: UInt, given: [UInt8], taken: UnsafeRawBufferPointer, answer: Int32) {
        let descriptor = answer >= 0 ? ReplayMask.newDescriptor(request, taken) : nil
        let changes = Self.differences(given, taken, with: descriptor).map { range in
            let varying = range == descriptor ? [0..<range.count] : []
            return Change(offset: range.lowerBound, bytes: RecordedBytes(Array(taken[range]), varying: varying))
        }
        self.init(changes: changes, result: Self.result(request, answer))
    }

    /// The answer to a pread.
    init(read buffer: UnsafeRawBufferPointer, count: Int) {
        let bytes = Array(buffer.prefix(max(count, 0)))
        self.init(
            changes: bytes.isEmpty ? [] : [Change(offset: 0, bytes: RecordedBytes(bytes))], result: .number(count))
    }

    private static func result(_ request: UInt, _ answer: Int32) -> Result {
        answer >= 0 && ReplayMask.answersDescriptor(request) ? .descriptor : .number(Int(answer))
    }

    /// Returns the runs of bytes that differ, and `included` in any case as a run of its own. Runs with less than four
    /// equal bytes between them are one: a field whose middle stayed the same is easier to read as one run.
    private static func differences(_ old: [UInt8], _ new: UnsafeRawBufferPointer, with included: Range<Int>?)
        -> [Range<Int>]
    {
        var runs: [Range<Int>] = included.map { [$0] } ?? []
        var start = -1
        var end = -1
        for index in 0..<min(old.count, new.count) where old[index] != new[index] && included?.contains(index) != true {
            if start >= 0 && index - end < 4 && !(included.map { (end..<index).overlaps($0) } ?? false) {
                end = index + 1
            } else {
                if start >= 0 { runs.append(start..<end) }
                (start, end) = (index, index + 1)
            }
        }
        if start >= 0 { runs.append(start..<end) }
        return runs.sorted { $0.lowerBound < $1.lowerBound }
    }
}
