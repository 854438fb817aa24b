import Glibc
public import LinuxSystem
import Synchronization

/// A kernel interface that answers from a recording: each call must be the one that comes next there,
/// argument and all.
///
/// The first call that is not is kept as the failure. It and all that follow are answered EPROTO, which no call at hand
/// gives otherwise, so that the code under test comes to an end. `finish` throws that failure, or names what was
/// recorded and never called.
///
/// New descriptors are files of zeros, which may be mapped, read and closed.
public final class ReplayKernel: KernelInterface, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    private struct State {
        var objects: [Int32: String] = [:]
        var next = 0
        var failure: ReplayFailure?
    }

    private let recording: String
    private let missing: Int
    private let lines: [Recording.Line]
    private let includes: @Sendable (RecordedCall) -> Bool
    private let other: KernelInterface?
    private let naming: @Sendable (String) -> String
    private let state = Mutex(State())

    /// Replays all of a recording.
    /// - Parameter naming: turns an object's name in this run into its name in the recording, where they differ, as
    ///   paths may.
    public convenience init(_ recording: Recording, naming: @escaping @Sendable (String) -> String = { $0 }) {
        self.init(recording, naming: naming, other: nil, only: { _ in true })
    }

    /// Replays a part of a recording.
    /// - Parameters:
    ///   - otherwise: answers what is not replayed.
    ///   - only: which of the recorded lines count, and which of the calls that come are held against them.
    public convenience init(
        _ recording: Recording, naming: @escaping @Sendable (String) -> String = { $0 }, otherwise: KernelInterface,
        only: @escaping @Sendable (RecordedCall) -> Bool
    ) {
        self.init(recording, naming: naming, other: otherwise, only: only)
    }

    private init(
        _ recording: Recording, naming: @escaping @Sendable (String) -> String, other: KernelInterface?,
        only: @escaping @Sendable (RecordedCall) -> Bool
    ) {
        self.recording = recording.name
        missing = recording.missing
        lines = recording.lines.filter { only($0.call) }
        includes = only
        self.other = other
        self.naming = naming
        super.init()
    }

    /// Runs `body` on this interface and finishes. A failure of the replay takes precedence over the resulting error of
    /// `body`.
    public func run<Result>(_ body: (ReplayKernel) throws -> Result) throws -> Result {
        let result = Swift.Result { try body(self) }
        if let failure { throw failure }
        let value = try result.get()
        try finish()
        return value
    }

    /// - Throws: the first difference between the calls and the recording, those that never came included.
    public func finish() throws(ReplayFailure) {
        let (failure, next) = state.withLock { ($0.failure, $0.next) }
        if let failure { throw failure }
        guard next < lines.count else { return }
        let more = lines.count - next - 1
        throw ReplayFailure(
            kind: .missing, line: lines[next].number,
            description:
                """
                \(place(next)): never called: \
                \(Self.short(lines[next].call))\(more > 0 ? ", nor the \(more) after it" : "")
                """
        )
    }

    public var failure: ReplayFailure? { state.withLock { $0.failure } }

    /// How many of the lines were called.
    public var position: Int { state.withLock { $0.next } }

    // MARK: Comparing

    private func place(_ index: Int) -> String { "\(recording), line \(lines[index].number)" }

    private static func short(_ call: RecordedCall) -> String {
        let text = call.description
        return text.utf8.count <= 200 ? text : "\(text.prefix(200))..."
    }

    /// The answer to a call that is due; nil where it isn't.
    private func answer(_ call: RecordedCall) -> RecordedAnswer? {
        state.withLock { state in
            guard state.failure == nil else { return nil }
            if state.next < lines.count, lines[state.next].call == call {
                state.next += 1
                return lines[state.next - 1].answer
            }
            state.failure = difference(call, at: state.next)
            return nil
        }
    }

    private func difference(_ call: RecordedCall, at next: Int) -> ReplayFailure {
        guard next < lines.count else {
            guard missing == 0 else {
                return ReplayFailure(
                    kind: .cut, line: lines.last?.number ?? 1,
                    description:
                        """
                        \(recording): all \(lines.count) calls were made; the \(missing) that followed were cut \
                        off by the file's limit
                        """
                )
            }
            return ReplayFailure(
                kind: .added, line: lines.last?.number ?? 1,
                description: "\(recording): all \(lines.count) calls were made, and one more came: \(Self.short(call))")
        }
        let due = lines[next]
        let expected = "\(place(next)): expected \(Self.short(due.call))"
        if let later = lines[next...].first(where: { $0.call == call }) {
            return ReplayFailure(
                kind: .early, line: due.number,
                description:
                    """
                    \(expected), and line \(later.number) came: \(Self.short(call)); what is between was left out, \
                    or the order changed
                    """
            )
        }
        if due.call.object == call.object && due.call.name == call.name {
            return ReplayFailure(
                kind: .changed, line: due.number,
                description:
                    """
                    \(place(next)): \(call.name) on \(call.object) came with another argument: \
                    \(Self.change(due.call, call))
                    """
            )
        }
        return ReplayFailure(
            kind: .added, line: due.number,
            description: "\(expected), and what came is nowhere from there on: \(Self.short(call))")
    }

    private static func change(_ due: RecordedCall, _ call: RecordedCall) -> String {
        switch (due.argument, call.argument) {
        case (.structure(let due, let old), .structure(let came, let new)) where due == came: change(old, new)
        case (.write(let due, let old), .write(let came, let new)) where due == came: change(old, new)
        default: "expected \(short(due)), came \(short(call))"
        }
    }

    private static func change(_ due: RecordedBytes, _ came: RecordedBytes) -> String {
        guard due.bytes.count == came.bytes.count else {
            return "expected \(due.bytes.count) bytes, came \(came.bytes.count)"
        }
        func text(_ bytes: RecordedBytes, _ index: Int) -> String {
            if bytes.varying.contains(where: { $0.contains(index) }) { return ".." }
            let digits = String(bytes.bytes[index], radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }
        let index = due.bytes.indices.first { text(due, $0) != text(came, $0) } ?? 0
        return "byte \(index) is \(text(came, index)), expected \(text(due, index))"
    }

    // MARK: Answering

    /// A descriptor of a file that is large enough for what is mapped of a vCPU or a BAR.
    private static func newDescriptor() -> Int32 {
        guard let file = try? TemporaryFile("a replayed descriptor", size: 1 << 26) else { return -EMFILE }
        let copy = fcntl(file.descriptor.raw, F_DUPFD_CLOEXEC, 0)
        return copy < 0 ? -Glibc.errno : copy
    }

    private func give(_ answer: RecordedAnswer?, _ buffer: UnsafeMutableRawBufferPointer? = nil) -> Int {
        guard let answer else { return -Int(EPROTO) }
        for change in answer.changes {
            for (index, byte) in change.bytes.bytes.enumerated() { buffer?[change.offset + index] = byte }
            for range in change.bytes.varying {
                buffer?.storeBytes(
                    of: Self.newDescriptor(), toByteOffset: change.offset + range.lowerBound, as: Int32.self)
            }
        }
        switch answer.result {
        case .number(let number): return number
        case .descriptor: return Int(Self.newDescriptor())
        }
    }

    private func object(_ descriptor: Int32) -> String { state.withLock { $0.objects[descriptor] } ?? "unnamed" }

    public override func opened(_ descriptor: Int32, object: String) {
        state.withLock { $0.objects[descriptor] = naming(object) }
        other?.opened(descriptor, object: object)
    }

    public override func open(_ path: String, flags: Int32, mode: UInt32) -> Int32 {
        let call = RecordedCall.open(naming(path), flags: flags)
        if let other, !includes(call) { return other.open(path, flags: flags, mode: mode) }
        return Int32(truncatingIfNeeded: give(answer(call)))
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer)
        -> Int32
    {
        let call = RecordedCall.ioctl(object(descriptor), request, UnsafeRawBufferPointer(argument))
        if let other, !includes(call) { return other.call(descriptor, request, argument) }
        return Int32(truncatingIfNeeded: give(answer(call), argument))
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        let call = RecordedCall.ioctl(object(descriptor), request, value: value)
        if let other, !includes(call) { return other.call(descriptor, request, value: value) }
        return Int32(truncatingIfNeeded: give(answer(call)))
    }

    public override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let call = RecordedCall.read(object(descriptor), at: offset, count: buffer.count)
        if let other, !includes(call) { return other.read(descriptor, buffer, at: offset) }
        return give(answer(call), buffer)
    }

    public override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let call = RecordedCall.write(object(descriptor), at: offset, buffer)
        if let other, !includes(call) { return other.write(descriptor, buffer, at: offset) }
        return give(answer(call))
    }
}
