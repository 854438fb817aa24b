import Glibc
import Synchronization

/// A door that writes down what passes through it, in a file whose format docs/recording.md has.
///
/// Made for a whole run: `/dev/kvm` and the devices' files are opened through it, and every descriptor that comes of
/// them inherits it. Calls may come from any thread; each is written when it was answered. What becomes of the file
/// never changes what a caller is answered: the first error is kept, the rest of the run is not recorded, and `finish`
/// throws it.
public final class CallRecorder: IoctlDoor, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    private struct State {
        var objects: [Int32: String] = [:]
        var pending: [UInt8] = []
        var count = 0
        /// Bytes of all lines so far.
        var size = 0
        /// Whether the file has reached its limit.
        var isCut = false
        var missing = 0
        var failure: SystemCallError?
        var isFinished = false
    }

    private static let bufferSize = 1 << 16
    /// Bytes kept free for the last lines.
    private static let reserve = 1 << 10

    public let path: String
    /// How large the file may become; a pipe has no limit.
    public let limit: FileLimit
    /// Bytes of all but the last lines.
    private let room: Int
    private let file: OutputFile
    private let door: IoctlDoor
    private let state: Mutex<State>

    /// Creates the file, or empties it.
    /// - Parameters:
    ///   - path: best a regular file: a pipe that nobody reads holds up the run.
    ///   - door: where the calls go.
    ///   - limit: how large the file may become.
    /// - Throws: `OutputFileError` where the file can't be made.
    public init(
        path: String, door: IoctlDoor = .kernel,
        limit: FileLimit = FileLimit(Recording.sizeLimit, option: "--file-limit")
    ) throws(OutputFileError) {
        file = try OutputFile(path, for: .owner)
        self.limit = limit
        room = FileLimit.holds(for: file.descriptor.raw) ? limit.bytes - Self.reserve : .max
        self.path = path
        self.door = door
        state = Mutex(State(pending: Array("\(RecordingText.header)\n".utf8)))
        super.init()
    }

    deinit {
        // Without `finish` there is no last line, and no reader takes the file for whole.
        state.withLock { flush(&$0) }
    }

    /// How many calls the file's limit took so far.
    public var missing: Int { state.withLock { $0.missing } }

    /// Ends the recording and closes it off with a last line, without which no reader takes it for whole. What is
    /// called later is not recorded.
    /// - Returns: how many calls were recorded.
    /// - Throws: `RecordingError.unwritten` for the first error that writing met with, at whatever time; again with
    ///   every further call.
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

    private func note(_ call: RecordedCall, _ answer: RecordedAnswer) {
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

    /// Whether nothing more is recorded, since the file has reached its limit.
    /// - Parameter count: so many calls are missing then.
    private func isCut(orMissing count: Int) -> Bool {
        state.withLock { state in
            if state.isCut, !state.isFinished { state.missing += count }
            return state.isCut
        }
    }

    /// - Returns: whether there was room.
    private func append(_ line: [UInt8], _ state: inout State) -> Bool {
        // What comes behind a call that is missing can't be replayed.
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
        door.opened(descriptor, object: object)
    }

    public override func note(_ words: () -> String) {
        guard !isCut(orMissing: 0) else { return }
        let line = Array("# \(words())\n".utf8)
        state.withLock { state in
            guard !state.isFinished && state.failure == nil else { return }
            _ = append(line, &state)
        }
    }

    public override func open(_ path: String, flags: Int32, mode: UInt32) -> Int32 {
        let answer = door.open(path, flags: flags, mode: mode)
        note(.open(path, flags: flags), RecordedAnswer(result: answer < 0 ? .number(Int(answer)) : .descriptor))
        return answer
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer)
        -> Int32
    {
        // The direction in a request's number is no guide to what the kernel writes: KVM_ASSIGN_PCI_DEVICE has it
        // wrong.
        let given = Array(argument)
        let answer = door.call(descriptor, request, argument)
        let call = given.withUnsafeBytes { RecordedCall.ioctl(object(descriptor), request, $0) }
        note(
            call,
            RecordedAnswer(
                request: request.number, given: given, taken: UnsafeRawBufferPointer(argument), answer: answer))
        return answer
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        let answer = door.call(descriptor, request, value: value)
        note(.ioctl(object(descriptor), request, value: value), RecordedAnswer(request: request.number, answer: answer))
        return answer
    }

    public override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let answer = door.read(descriptor, buffer, at: offset)
        note(
            .read(object(descriptor), at: offset, count: buffer.count),
            RecordedAnswer(read: UnsafeRawBufferPointer(buffer), count: answer))
        return answer
    }

    public override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let answer = door.write(descriptor, buffer, at: offset)
        note(.write(object(descriptor), at: offset, buffer), RecordedAnswer(result: .number(answer)))
        return answer
    }
}
