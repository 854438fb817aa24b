import CLinux
import CSignals
import Glibc

/// A POSIX thread. vCPUs and relays are threads, not tasks: each blocks in the kernel for most of its life.
public struct Thread: ~Copyable, @unchecked Sendable {
    // @unchecked: pthread_t is a number on Linux.
    private let thread: pthread_t

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread.
    /// - Parameter name: at most 15 bytes, shown by ps and gdb.
    public init(_ name: String, _ run: @escaping @Sendable () -> Void) throws(SystemCallError) {
        var thread = pthread_t()
        // The new thread takes over this reference.
        let body = Unmanaged.passRetained(Body(name, run))
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                cl_name_thread(body.name)
                cl_unblock_kick()
                cs_leave_to_main()
                body.run()
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            body.release()
            throw SystemCallError(call: "pthread_create", object: name, errno: .init(rawValue: result))
        }
        self.thread = thread
    }

    /// Makes the blocking call this thread is in return with EINTR.
    public func kick() { Handle(thread: thread).kick() }

    /// A thread as others may interrupt it, for as long as it lives.
    public struct Handle: @unchecked Sendable {
        // @unchecked: pthread_t is a number on Linux.
        fileprivate let thread: pthread_t

        /// As `Thread.kick`. The thread must not have ended.
        ///
        /// Asked for again where the kernel refuses it: who kicks waits for the thread next, and would wait for ever.
        public func kick() {
            for _ in 0..<3 where cl_kick_thread(thread) == 0 { return }
        }
    }

    /// The calling thread.
    public static var current: Handle { Handle(thread: pthread_self()) }

    /// Nanoseconds of processor time it has had, a guest's included; pthread_getcpuclockid(3).
    public var processorTime: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard pthread_getcpuclockid(thread, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Waits for its end.
    public consuming func join() { pthread_join(thread, nil) }

    /// Prepares the process for threads that run guests: a handler for `kick` that does nothing, so that the signal
    /// interrupts and no more, and one heap for all, since these threads hardly allocate.
    public static func prepare() {
        // Without it a kick would end the process.
        if cl_install_kick_handler() != 0 { _ = cl_install_kick_handler() }
        cl_use_one_heap()
    }
}
