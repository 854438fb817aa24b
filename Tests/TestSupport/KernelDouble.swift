import Glibc
public import LinuxSystem
import Synchronization

/// A kernel interface that keeps the ioctls, preads and pwrites made through it, and can answer in place of the kernel
/// or make a call fail.
public final class KernelDouble: KernelInterface, @unchecked Sendable {
    // @unchecked: everything that changes is behind the lock.

    public struct Call: Sendable, Equatable {
        /// The ioctl's name, `pread` or `pwrite`.
        public let name: String
        /// What the descriptor is open on.
        public let object: String
        /// The argument's bytes as they went in; empty where it was a number, or a pread.
        public let bytes: [UInt8]
        /// The argument where it was a number, or the offset.
        public let value: UInt

        /// The 32-bit word at a byte offset, zero beyond the end.
        public func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | (offset + $1 < bytes.count ? UInt32(bytes[offset + $1]) : 0) << UInt32(8 * $1) }
        }
    }

    private struct State {
        var calls: [Call] = []
        var objects: [Int32: String] = [:]
        /// Answers to give, by the ioctl's name, first one first; the last one stays.
        var answers: [String: [Int32]] = [:]
    }

    private let state = Mutex(State())
    private let asksKernel: Bool

    /// - Parameter asksKernel: whether ioctls without an answer of their own go to the kernel; else they answer 0.
    ///   Reads and writes without one go to the kernel in any case: a test gives them a file.
    public init(asksKernel: Bool) {
        self.asksKernel = asksKernel
        super.init()
    }

    /// Every call so far, in order.
    public var calls: [Call] { state.withLock { $0.calls } }

    public func calls(_ name: String) -> [Call] { calls.filter { $0.name == name } }

    public func forget() { state.withLock { $0.calls = [] } }

    /// Answers a call in the kernel's place from now on: with these one after the other, the last one for good.
    public func answer(_ name: String, _ answers: Int32...) { state.withLock { $0.answers[name] = answers } }

    /// Makes a call fail from now on.
    public func fail(_ name: String, _ errno: Int32) { state.withLock { $0.answers[name] = [-errno] } }

    public func succeed(_ name: String) { state.withLock { $0.answers[name] = nil } }

    private func decide(_ descriptor: Int32, _ name: String, _ bytes: [UInt8], _ value: UInt) -> Int32? {
        state.withLock { state in
            state.calls.append(
                Call(name: name, object: state.objects[descriptor] ?? "unnamed", bytes: bytes, value: value))
            guard var answers = state.answers[name], let first = answers.first else { return nil }
            if answers.count > 1 {
                answers.removeFirst()
                state.answers[name] = answers
            }
            return first
        }
    }

    public override func opened(_ descriptor: Int32, object: String) {
        state.withLock { $0.objects[descriptor] = object }
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, _ argument: UnsafeMutableRawBufferPointer)
        -> Int32
    {
        if let answer = decide(descriptor, "\(request.name)", Array(argument), 0) { return answer }
        return asksKernel ? super.call(descriptor, request, argument) : 0
    }

    public override func call(_ descriptor: Int32, _ request: IoctlRequest, value: UInt) -> Int32 {
        if let answer = decide(descriptor, "\(request.name)", [], value) { return answer }
        return asksKernel ? super.call(descriptor, request, value: value) : 0
    }

    public override func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        decide(descriptor, "pread", [], UInt(offset)).map(Int.init) ?? super.read(descriptor, buffer, at: offset)
    }

    public override func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Int {
        decide(descriptor, "pwrite", Array(buffer), UInt(offset)).map(Int.init)
            ?? super.write(descriptor, buffer, at: offset)
    }
}
