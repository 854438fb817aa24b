import LinuxSystem
import Synchronization
import VMM

/// A thread that passes one device's events from eventfds to their handler.
final class InterruptRelay: @unchecked Sendable {
    // @unchecked: `thread` is set at the end of init and taken once by `stop`.

    private static let stopToken = UInt64.max
    private static let parkToken = UInt64.max - 3
    private let loop: EventLoop
    private let stopEvent: EventDescriptor
    private let parkEvent: EventDescriptor
    private let stopping = Atomic<Bool>(false)
    private var thread: Thread?

    /// - Parameters:
    ///   - name: at most 15 bytes.
    ///   - run: parks the thread with the others; nil: it is never parked. Events that arrive while it is parked are
    ///     handled afterwards.
    ///   - handle: called on the thread with each ready token.
    init(_ name: String, run: RunState? = nil, handle: @escaping @Sendable (UInt64) -> Void) throws(SystemCallError) {
        let stopEvent = try EventDescriptor(name)
        let loop = try EventLoop(name)
        try loop.watch(stopEvent.raw, token: Self.stopToken)
        let parkEvent = try EventDescriptor(name)
        try loop.watch(parkEvent.raw, token: Self.parkToken)
        self.stopEvent = stopEvent
        self.parkEvent = parkEvent
        self.loop = loop
        thread = nil
        thread = try Thread(name) { [self] in
            let member = run?.join(interrupt: { [self] in self.parkEvent.signal() })
            defer { member?.leave() }
            while !stopping.load(ordering: .acquiring) {
                self.loop.wait { token in
                    switch token {
                    case Self.stopToken: break
                    case Self.parkToken: _ = self.parkEvent.readCount()
                    // The run is being parked: the event is still pending afterwards.
                    default: if run?.isParked != true { handle(token) }
                    }
                }
                member?.standStill()
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
