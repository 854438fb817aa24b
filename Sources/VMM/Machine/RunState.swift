public import LinuxSystem
import Synchronization

/// Whether a run's threads run, are parked, or have ended the run. Of several outcomes the first wins, whoever brings
/// it.
///
/// Parked threads stand still until they are resumed: vCPUs outside the guest with no access half done, device threads
/// between two events, the main thread in its loop. What arrives meanwhile stays in eventfds and in KVM. The run's
/// time, and with it the time limit, stands still too.
public final class RunState: Sendable {
    private struct Time {
        /// When all stood still, in nanoseconds of `MonotonicClock`; nil while threads run.
        var start: UInt64?
        /// Nanoseconds of all parkings that are over.
        var past: UInt64 = 0
    }

    private let decided = Mutex<Outcome?>(nil)
    private let ended = Atomic<Bool>(false)
    private let parked = Atomic<Bool>(false)
    /// Calls of `park` that were not yet followed by `resume`; held while one parks or resumes.
    private let parkings = Mutex(0)
    private let time = Mutex(Time())
    private let members = Mutex<[RunMember]>([])
    /// Readable while parked threads may go on.
    let go: EventDescriptor
    /// Signalled by each thread that comes to stand still.
    let arrivals: EventDescriptor
    private let wake: @Sendable () -> Void

    /// - Parameter wake: called once, from the thread that ends the run; must make every vCPU and the console look.
    /// - Throws: where descriptors run out.
    init(wake: @escaping @Sendable () -> Void) throws(SystemCallError) {
        self.wake = wake
        go = try EventDescriptor("run resumed")
        arrivals = try EventDescriptor("thread parked")
    }

    // MARK: The end

    /// Ends the run, unless it has ended. Parked threads go on, to their end.
    public func finish(_ outcome: Outcome) {
        let first = decided.withLock { decided in
            guard decided == nil else { return false }
            decided = outcome
            return true
        }
        guard first else { return }
        ended.store(true, ordering: .releasing)
        go.signal()
        wake()
    }

    public var isFinished: Bool { ended.load(ordering: .acquiring) }

    public var outcome: Outcome? { decided.withLock { $0 } }

    // MARK: Parking

    /// Parks every thread of the run but the calling one, and waits until all stand still. Each call wants one
    /// `resume`. From any thread.
    /// - Parameter seconds: how long to wait for them.
    /// - Returns: false where one did not come to stand still in that time, or the run ended; then nothing is parked,
    ///   and no `resume` is wanted.
    public func park(within seconds: Double = 1) -> Bool {
        parkings.withLock { count in
            guard count == 0 else {
                count += 1
                return true
            }
            parked.store(true, ordering: .sequentiallyConsistent)
            _ = go.readCount()
            // An outcome that came before would have let them go already.
            guard !isFinished, stop(until: MonotonicClock.now + UInt64(seconds * 1e9)) else {
                parked.store(false, ordering: .sequentiallyConsistent)
                go.signal()
                return false
            }
            count = 1
            time.withLock { $0.start = MonotonicClock.now }
            return true
        }
    }

    /// Interrupts the others until all stand still.
    private func stop(until end: UInt64) -> Bool {
        let others = members.withLock { $0 }.filter { !$0.isCurrentThread }
        for member in others { member.interrupt() }
        while let late = others.first(where: { !$0.isStill }) {
            let now = MonotonicClock.now
            guard now < end, !isFinished else { return false }
            // A thread that just began to wait for something may have missed its interruption.
            if !arrivals.wait(milliseconds: 10) { late.interrupt() } else { _ = arrivals.readCount() }
        }
        return true
    }

    /// Lets the threads go on that `park` made stand still. From any thread.
    public func resume() {
        parkings.withLock { count in
            guard count > 0 else { return }
            count -= 1
            guard count == 0 else { return }
            time.withLock { time in
                guard let start = time.start.take() else { return }
                time.past += MonotonicClock.now - start
            }
            parked.store(false, ordering: .sequentiallyConsistent)
            go.signal()
        }
    }

    /// Whether threads stand still, or are asked to.
    public var isParked: Bool { parked.load(ordering: .sequentiallyConsistent) }

    /// Nanoseconds of `MonotonicClock`, but that it stands still while the run is parked.
    var now: UInt64 {
        time.withLock { time in (time.start ?? MonotonicClock.now) - time.past }
    }

    // MARK: Threads

    /// Counts the calling thread among those that are parked.
    /// - Parameters:
    ///   - interrupt: makes the thread call `standStill` of what this returns, soon; called by other threads.
    ///   - prepare: called by the thread before it goes on.
    public func join(interrupt: @escaping @Sendable () -> Void, prepare: @escaping @Sendable () -> Void = {})
        -> RunMember
    {
        let member = RunMember(self, interrupt: interrupt, prepare: prepare)
        members.withLock { $0.append(member) }
        // Whoever parks now may have looked before: a thread that comes late parks by itself.
        member.standStill()
        return member
    }

    func leave(_ member: RunMember) {
        members.withLock { $0.removeAll { $0 === member } }
        arrivals.signal()
    }

    /// Waits until threads may go on, or a signal comes.
    func waitToGo() { _ = go.wait(milliseconds: -1) }
}
