import LinuxSystem
import Synchronization

/// The state of a run's threads: running, parked, or ended. The first outcome wins.
///
/// Parked threads stand still until they are resumed: vCPUs outside the guest with no access half done, device threads
/// between two events, the main thread in its loop. Events that arrive meanwhile stay in eventfds and in KVM. The run's
/// time, and with it the time limit, is paused too.
public final class RunState: Sendable {
    private struct Time {
        /// The time when all stood still, in nanoseconds of `MonotonicClock`; nil while threads run.
        var start: UInt64?
        /// The total time of finished parkings in nanoseconds.
        var past: UInt64 = 0
    }

    private let decided = Mutex<Outcome?>(nil)
    private let ended = Atomic<Bool>(false)
    private let parked = Atomic<Bool>(false)
    /// The number of calls of `park` without a `resume` yet; locked during parking and resuming.
    private let parkings = Mutex(0)
    private let time = Mutex(Time())
    private let members = Mutex<[RunMember]>([])
    /// Readable while parked threads may continue.
    let go: EventDescriptor
    /// Signalled by each thread that begins to stand still.
    let arrivals: EventDescriptor
    private let wake: @Sendable () -> Void

    /// - Parameter wake: called once, from the thread that ends the run; must wake every vCPU and the console.
    /// - Throws: an error if descriptors run out.
    init(wake: @escaping @Sendable () -> Void) throws(SystemCallError) {
        self.wake = wake
        go = try EventDescriptor("run resumed")
        arrivals = try EventDescriptor("thread parked")
    }

    // MARK: The end

    /// Ends the run, unless it has ended. Parked threads continue to their end.
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

    /// Parks every thread of the run except the calling one, and waits until all stand still. Each call requires one
    /// `resume`. From any thread.
    /// - Parameter seconds: the time limit.
    /// - Returns: false if some thread did not stand still in time, or the run ended; then no thread is parked, and no
    ///   `resume` is required.
    public func park(within seconds: Double = 1) -> Bool {
        parkings.withLock { count in
            guard count == 0 else {
                count += 1
                return true
            }
            parked.store(true, ordering: .sequentiallyConsistent)
            _ = go.readCount()
            // An earlier outcome would have resumed them already.
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
            // A thread that just began to wait may have missed its interruption.
            if !arrivals.wait(milliseconds: 10) { late.interrupt() } else { _ = arrivals.readCount() }
        }
        return true
    }

    /// Resumes the threads that `park` stopped. From any thread.
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

    /// True if threads stand still, or are asked to.
    public var isParked: Bool { parked.load(ordering: .sequentiallyConsistent) }

    /// Nanoseconds of `MonotonicClock`, without the time in which the run was parked.
    var now: UInt64 {
        time.withLock { time in (time.start ?? MonotonicClock.now) - time.past }
    }

    // MARK: Threads

    /// Adds the calling thread to the members of the run.
    /// - Parameters:
    ///   - interrupt: makes the thread call `standStill` of the returned member soon; called by other threads.
    ///   - prepare: called by the thread before it continues.
    public func join(interrupt: @escaping @Sendable () -> Void, prepare: @escaping @Sendable () -> Void = {})
        -> RunMember
    {
        let member = RunMember(self, interrupt: interrupt, prepare: prepare)
        members.withLock { $0.append(member) }
        // A concurrent `park` may have missed this member, so it parks itself.
        member.standStill()
        return member
    }

    func leave(_ member: RunMember) {
        members.withLock { $0.removeAll { $0 === member } }
        arrivals.signal()
    }

    /// Waits until threads may continue, or a signal comes.
    func waitToGo() { _ = go.wait(milliseconds: -1) }
}
