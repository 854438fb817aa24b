import LinuxSystem

/// The threads of a run. A noncopyable thread can't stand in an array, hence the boxes.
struct VCPUThreads: ~Copyable {
    private final class Member {
        var thread: Thread?
        init(_ thread: consuming Thread) { self.thread = .some(thread) }
    }

    private var members: [Member] = []

    mutating func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        members.append(Member(try Thread(name, body)))
    }

    /// Lets every vCPU come out of the guest once.
    func kick() {
        for member in members { member.thread?.kick() }
    }

    /// Nanoseconds of processor time that all have had.
    var processorTime: UInt64 { members.reduce(0) { $0 &+ ($1.thread?.processorTime ?? 0) } }

    /// Kicks every thread out of the kernel and waits for its end. The vCPUs' exit requests are set already, so one
    /// kick is enough.
    mutating func dismiss() {
        kick()
        for member in members {
            if let thread = member.thread.take() { thread.join() }
        }
        members = []
    }
}
