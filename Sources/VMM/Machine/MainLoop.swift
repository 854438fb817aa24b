public import LinuxSystem

/// The event loop of a run's main thread: sources register and leave. For the main thread only.
public final class MainLoop {
    /// A descriptor that the loop watches.
    public struct Source {
        fileprivate let token: UInt64
        fileprivate let raw: Int32
    }

    private let events: EventLoop
    private var actions: [UInt64: () -> Void] = [:]
    private var lastToken: UInt64 = 0

    /// - Throws: an error if descriptors run out.
    init() throws(SystemCallError) { events = try EventLoop("main loop") }

    /// Calls `action` whenever `raw` is readable, until it is removed.
    /// - Throws: EPERM for a descriptor that can't be waited for, such as a regular file.
    public func add(_ raw: Int32, _ action: @escaping () -> Void) throws(SystemCallError) -> Source {
        lastToken += 1
        try events.watch(raw, token: lastToken)
        actions[lastToken] = action
        return Source(token: lastToken, raw: raw)
    }

    /// Stops watching. An action that is already due is not called any more. Harmless if the source was already
    /// removed.
    public func remove(_ source: Source) {
        guard actions.removeValue(forKey: source.token) != nil else { return }
        events.forget(source.raw)
    }

    /// Waits until a source is ready, and calls the actions of all ready ones.
    /// - Parameter milliseconds: the longest time to wait; negative: no limit.
    func wait(milliseconds: Int32) {
        events.wait(milliseconds: milliseconds) { token in actions[token]?() }
    }
}
