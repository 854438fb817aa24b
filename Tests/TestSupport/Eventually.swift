import Glibc

/// Waits for what another thread or the kernel is about to bring about. A bound on waiting, not a pause: it returns as
/// soon as it is so.
/// - Parameter seconds: far above what it may take on a loaded machine.
/// - Returns: whether it came to be.
public func eventually(within seconds: Double = 20, _ condition: () throws -> Bool) rethrows -> Bool {
    let start = clock()
    while try !condition() {
        guard clock() - start < seconds else { return false }
        poll(nil, 0, 1)
    }
    return true

    func clock() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
