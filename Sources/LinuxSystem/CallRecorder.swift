import Glibc
import Synchronization

/// A door that writes down what passes through it, in a file whose format docs/recording.md has.
///
/// Made for a whole run: `/dev/kvm` and the devices' files are opened through it, and every descriptor that comes of them inherits it. Calls
/// may come from any thread; each is written when it was answered. What becomes of the file never changes what a caller is answered: the
/// first error is kept, the rest of the run is not recorded, and `finish` throws it.
public final class CallRecorder: IoctlDoor, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    private struct State {
        var objects: [Int32: String] = [:]
        var pending: [UInt8] = []
        var count = 0
        var failure: SystemCallError?
        var isFinished = false
    }

    private static let bufferSize = 1 << 16

    private let path: String
    private let file: OutputFile
    private let door: IoctlDoor
    private let state: Mutex<State>

    /// Creates the file, or empties it.
    /// - Parameters:
    ///   - path: best a regular file: a pipe that nobody reads holds up the run.
    ///   - door: where the calls go.
    /// - Throws: `OutputFileError` where the file can't be made.
    public init(path: String, door: IoctlDoor = .kernel) throws(OutputFileError) {
        file = try OutputFile(path, for: .owner)
        self.path = path
        self.door = door
        state = Mutex(State(pending: Array("\(RecordingText.header)\n".utf8)))
        super.init()
    }

    deinit {
        // Without `finish` there is no last line, and no reader takes the file for whole.
        state.withLock { flush(&$0) }
    }

    /// Ends the recording and closes it off with a last line, without which no reader takes it for whole. What is called later is not recorded.
    /// - Returns: how many calls were recorded.
    /// - Throws: `RecordingError.unwritten` for the first error that writing met with, at whatever time; again with every further call.
    @discardableResult
    public func finish() throws(RecordingError) -> Int {
        let (count, failure) = state.withLock { state in
            if !state.isFinished {
                state.isFinished = true
                state.pending += "end \(state.count)\n".utf8
                flush(&state)
            }
            return (state.count, state.failure)
        }
        if let failure { throw .unwritten(path, failure) }
        return count
    }

    private func flush(_ state: inout State) {
        if state.failure == nil {
            do throws(SystemCallError) { try BlockingCall.write(state.pending, to: file.descriptor.raw, path) } catch { state.failure = error }
        }
        state.pending.removeAll(keepingCapacity: true)
    }

    private func note(_ call: RecordedCall, _ answer: RecordedAnswer) {
        var line: [UInt8] = []
        call.append(to: &line)
        answer.append(to: &line)
        state.withLock { state in
            guard !state.isFinished && state.failure == nil else { return }
            state.count += 1
            state.pending += "\(state.count) ".utf8
            state.pending += line
            state.pending.append(UInt8(ascii: "\n"))
            if state.pending.count >= Self.bufferSize { flush(&state) }
        }
    }

    private func object(_ descriptor: Int32) -> String { state.withLock { $0.objects[descriptor] } ?? "unnamed" }

    public override func opened(_ descriptor: Int32, object: String) {
        state.withLock { $0.objects[descriptor] = object }
        door.opened(descriptor, object: object)
    }

    public override func note(_ words: () -> String) {
        let line = "# \(words())\n".utf8
        state.withLock { state in
            guard !state.isFinished && state.failure == nil else { return }
            state.pending += line
            if state.pending.count >= Self.bufferSize { flush(&state) }
        }
    }

    public override func open(_ path: String, flags: Int32, mode: UInt32) -> Int32 {
        let answer = door.open(path, flags: flags, mode: mode)
        note(.open(path, flags: flags), RecordedAnswer(result: answer < 0 ? .number(Int(answer)) : .descriptor))
        return answer
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer) -> Int32 {
        // The direction in a request's number is no guide to what the kernel writes: KVM_ASSIGN_PCI_DEVICE has it wrong.
        let given = Array(argument)
        let answer = door.call(descriptor, request, argument)
        let call = given.withUnsafeBytes { RecordedCall.ioctl(object(descriptor), request, $0) }
        note(call, RecordedAnswer(request: request.number, given: given, taken: UnsafeRawBufferPointer(argument), answer: answer))
        return answer
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        let answer = door.call(descriptor, request, value: value)
        note(.ioctl(object(descriptor), request, value: value), RecordedAnswer(request: request.number, answer: answer))
        return answer
    }

    public override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let answer = door.read(descriptor, buffer, at: offset)
        note(.read(object(descriptor), at: offset, count: buffer.count), RecordedAnswer(read: UnsafeRawBufferPointer(buffer), count: answer))
        return answer
    }

    public override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        let answer = door.write(descriptor, buffer, at: offset)
        note(.write(object(descriptor), at: offset, buffer), RecordedAnswer(result: .number(answer)))
        return answer
    }
}
