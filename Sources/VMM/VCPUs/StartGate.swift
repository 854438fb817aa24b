import Glibc
import Synchronization

/// Holds a run's vCPUs until each has opened what it needs, so that no file is opened while a guest runs.
final class StartGate: Sendable {
    private let missing: Atomic<Int>

    init(_ count: Int) { missing = Atomic(count) }

    /// Says that the caller is there, and waits for the others.
    func pass() {
        missing.subtract(1, ordering: .acquiringAndReleasing)
        while missing.load(ordering: .acquiring) > 0 { usleep(20) }
    }

    /// Lets everybody pass: some of them may never come.
    func open() { missing.store(0, ordering: .releasing) }
}
