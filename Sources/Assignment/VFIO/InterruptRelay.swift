import LinuxSystem
import Synchronization

/// A thread that carries one device's events from eventfds to whoever handles them.
final class InterruptRelay: @unchecked Sendable {
    // @unchecked: `thread` is set at the end of init and taken once by `stop`.

    private static let stopToken = UInt64.max
    private let loop: EventLoop
    private let stopEvent: EventDescriptor
    private let stopping = Atomic<Bool>(false)
    private var thread: Thread?

    /// - Parameters:
    ///   - name: at most 15 bytes.
    ///   - handle: called on the thread with each ready token.
    init(_ name: String, handle: @escaping @Sendable (UInt64) -> Void) throws(SystemCallError) {
        let stopEvent = try EventDescriptor(name)
        let loop = try EventLoop(name)
        try loop.watch(stopEvent.raw, token: Self.stopToken)
        self.stopEvent = stopEvent
        self.loop = loop
        thread = nil
        thread = try Thread(name) { [self] in
            while !stopping.load(ordering: .acquiring) {
                self.loop.wait { token in
                    if token != Self.stopToken { handle(token) }
                }
            }
        }
    }

    func watch(_ raw: Int32, token: UInt64) throws(SystemCallError) { try loop.watch(raw, token: token) }

    func forget(_ raw: Int32) { loop.forget(raw) }

    /// Ends the thread and waits for it.
    func stop() {
        stopping.store(true, ordering: .releasing)
        stopEvent.signal()
        if let thread = thread.take() { thread.join() }
    }
}
