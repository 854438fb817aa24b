import LinuxSystem

/// The threads of a run. They are boxed, since an array can't hold a noncopyable thread.
struct VCPUThreads: ~Copyable {
    private final class Member {
        var thread: Thread?
        init(_ thread: consuming Thread) { self.thread = .some(thread) }
    }

    private var members: [Member] = []

    mutating func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        members.append(Member(try Thread(name, body)))
    }

    /// Makes every vCPU leave the guest once.
    func kick() {
        for member in members { member.thread?.kick() }
    }

    /// The processor time of all threads in nanoseconds.
    var processorTime: UInt64 { members.reduce(0) { $0 &+ ($1.thread?.processorTime ?? 0) } }

    /// Kicks every thread out of the kernel and waits for its end. The vCPUs' exit requests are already set, so one
    /// kick is enough.
    mutating func dismiss() {
        kick()
        for member in members {
            if let thread = member.thread.take() { thread.join() }
        }
        members = []
    }
}
