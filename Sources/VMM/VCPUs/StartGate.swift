import Glibc
import Synchronization

/// Holds a run's vCPUs until each has opened its files, so that no file is opened while a guest runs.
final class StartGate: Sendable {
    private let missing: Atomic<Int>

    init(_ count: Int) { missing = Atomic(count) }

    /// Counts the caller, and waits for the others.
    func pass() {
        missing.subtract(1, ordering: .acquiringAndReleasing)
        while missing.load(ordering: .acquiring) > 0 { usleep(20) }
    }

    /// Lets all callers pass, since some vCPUs may never arrive.
    func open() { missing.store(0, ordering: .releasing) }
}
