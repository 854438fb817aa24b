import Glibc
import LinuxSystem
import Synchronization

/// A thread's membership in a run: `RunState.park` makes the thread stand still.
public final class RunMember: Sendable {
    private let state: RunState
    private let thread: UInt
    private let interruption: @Sendable () -> Void
    private let prepare: @Sendable () -> Void
    private let still = Atomic<Bool>(false)
    /// True once the thread has left; locked while it is interrupted, so that it exists then.
    private let left = Mutex(false)

    init(_ state: RunState, interrupt: @escaping @Sendable () -> Void, prepare: @escaping @Sendable () -> Void) {
        self.state = state
        interruption = interrupt
        self.prepare = prepare
        thread = UInt(pthread_self())
    }

    var isStill: Bool { still.load(ordering: .sequentiallyConsistent) || hasLeft }
    var hasLeft: Bool { left.withLock { $0 } }
    var isCurrentThread: Bool { UInt(pthread_self()) == thread }

    /// Makes the thread call `standStill` soon. From another thread.
    func interrupt() {
        left.withLock { hasLeft in
            if !hasLeft { interruption() }
        }
    }

    /// Waits while the run is parked. For the member's own thread, when it has nothing half done.
    public func standStill() { standStill { state.waitToGo() } }

    /// - Parameter wait: waits for a while, or until the run is resumed.
    func standStill(wait: () -> Void) {
        guard state.isParked, !state.isFinished else { return }
        repeat {
            still.store(true, ordering: .sequentiallyConsistent)
            state.arrivals.signal()
            while state.isParked, !state.isFinished { wait() }
            prepare()
            still.store(false, ordering: .sequentiallyConsistent)
            // A concurrent `park` either sees that this thread does not stand still, or is seen here.
        } while state.isParked && !state.isFinished
    }

    /// Ends the membership, before the thread ends.
    public func leave() {
        left.withLock { $0 = true }
        state.leave(self)
    }
}
