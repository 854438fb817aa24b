import Glibc
import Synchronization

/// A kernel interface that also writes each call to a file, in the format of docs/recording.md.
///
/// It records a whole run: `/dev/kvm` and the devices' files are opened through it, and every descriptor made from
/// them inherits it. Calls may come from any thread; each is written once it has returned. An error of the file never
/// changes the result of a call: the first error is kept, the rest of the run is not recorded, and `finish` throws that
/// error.
public final class CallRecorder: KernelInterface, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    private struct State {
        var objects: [Int32: String] = [:]
        var pending: [UInt8] = []
        var count = 0
        /// Bytes of all lines so far.
        var size = 0
        /// True once the file has reached its limit.
        var isCut = false
        var missing = 0
        var failure: SystemCallError?
        var isFinished = false
    }

    private static let bufferSize = 1 << 16
    /// Bytes kept free for the last lines.
    private static let reserve = 1 << 10

    public let path: String
    /// The largest size of the file; a pipe has no limit.
    public let limit: FileLimit
    /// Bytes that are free for all lines but the last ones.
    private let room: Int
    private let file: OutputFile
    private let kernel: KernelInterface
    private let state: Mutex<State>

    /// Creates the file, or empties it.
    /// - Parameters:
    ///   - path: preferably a regular file: a pipe that nobody reads blocks the run.
    ///   - kernel: makes the calls.
    ///   - limit: the largest size of the file.
    /// - Throws: `OutputFileError` where the file can't be made.
    public init(
        path: String, kernel: KernelInterface = .host,
        limit: FileLimit = FileLimit(Recording.sizeLimit, option: "--file-limit")
    ) throws(OutputFileError) {
        file = try OutputFile(path, for: .owner)
        self.limit = limit
        room = FileLimit.holds(for: file.descriptor.raw) ? limit.bytes - Self.reserve : .max
        self.path = path
        self.kernel = kernel
        state = Mutex(State(pending: Array("\(RecordingText.header)\n".utf8)))
        super.init()
    }

    deinit {
        // Without `finish` the last line is missing, and readers see that the file is incomplete.
        state.withLock { flush(&$0) }
    }

    /// The number of calls not recorded so far because of the file's limit.
    public var missing: Int { state.withLock { $0.missing } }

    /// Ends the recording and writes its last line, which marks it as complete. Later calls are not recorded.
    /// - Returns: the number of recorded calls.
    /// - Throws: `RecordingError.unwritten` for the first error of any earlier write; each further call throws it too.
    @discardableResult
    public func finish() throws(RecordingError) -> Int {
        let (count, failure) = state.withLock { state in
            if !state.isFinished {
                state.isFinished = true
                if state.missing > 0 {
                    state.pending +=
                        """
                        # this file has reached \(limit.words): \(state.missing) calls more were made and are not \
                        in it\n
                        """
                        .utf8
                }
                state.pending += "end \(state.count)\(state.missing > 0 ? " cut \(state.missing)" : "")\n".utf8
                flush(&state)
            }
            return (state.count, state.failure)
        }
        if let failure { throw .unwritten(path, failure) }
        return count
    }

    private func flush(_ state: inout State) {
        if state.failure == nil {
            do throws(SystemCallError) { try BlockingCall.write(state.pending, to: file.descriptor.raw, path) } catch {
                state.failure = error
            }
        }
        state.pending.removeAll(keepingCapacity: true)
    }

    private func record(_ call: RecordedCall, _ answer: RecordedAnswer) {
        guard !isCut(orMissing: 1) else { return }
        var line: [UInt8] = []
        call.append(to: &line)
        answer.append(to: &line)
        line.append(UInt8(ascii: "\n"))
        state.withLock { state in
            guard !state.isFinished && state.failure == nil else { return }
            if append(Array("\(state.count + 1) ".utf8) + line, &state) { state.count += 1 } else { state.missing += 1 }
        }
    }

    /// Returns true if the file has reached its limit, and then counts `count` more calls as missing.
    private func isCut(orMissing count: Int) -> Bool {
        state.withLock { state in
            if state.isCut, !state.isFinished { state.missing += count }
            return state.isCut
        }
    }

    /// - Returns: false if the file has no room for the line.
    private func append(_ line: [UInt8], _ state: inout State) -> Bool {
        // Calls after a missing one can't be replayed.
        guard !state.isCut, state.size + line.count <= room else {
            state.isCut = true
            return false
        }
        state.size += line.count
        state.pending += line
        if state.pending.count >= Self.bufferSize { flush(&state) }
        return true
    }

    private func object(_ descriptor: Int32) -> String { state.withLock { $0.objects[descriptor] } ?? "unnamed" }

    public override func opened(_ descriptor: Int32, object: String) {
        state.withLock { $0.objects[descriptor] = object }
        kernel.opened(descriptor, object: object)
    }

    public override func comment(_ text: () -> String) {
        guard !isCut(orMissing: 0) else { return }
        let line = Array("# \(text())\n".utf8)
        state.withLock { state in
            guard !state.isFinished && state.failure == nil else { return }
            _ = append(line, &state)
        }
    }

    public override func open(_ path: String, flags: Int32, mode: UInt32) -> Int32 {
        let answer = kernel.open(path, flags: flags, mode: mode)
        record(.open(path, flags: flags), RecordedAnswer(result: answer < 0 ? .number(Int(answer)) : .descriptor))
        return answer
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer)
        -> Int32
    {
        // The direction in a request's number is no guide to what the kernel writes: KVM_ASSIGN_PCI_DEVICE has it
        // wrong.
        let given = Array(argument)
        let answer = kernel.call(descriptor, request, argument)
        let call = given.withUnsafeBytes { RecordedCall.ioctl(object(descriptor), request, $0) }
        record(
            call,
            RecordedAnswer(
                request: request.number, given: given, taken: UnsafeRawBufferPointer(argument), answer: answer))
        return answer
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        let answer = kernel.call(descriptor, request, value: value)
        record(
            .ioctl(object(descriptor), request, value: value), RecordedAnswer(request: request.number, answer: answer))
        return answer
    }

    public override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let answer = kernel.read(descriptor, buffer, at: offset)
        record(
            .read(object(descriptor), at: offset, count: buffer.count),
            RecordedAnswer(read: UnsafeRawBufferPointer(buffer), count: answer))
        return answer
    }

    public override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let answer = kernel.write(descriptor, buffer, at: offset)
        record(.write(object(descriptor), at: offset, buffer), RecordedAnswer(result: .number(answer)))
        return answer
    }
}
