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

    /// Interrupts the blocking call of this thread, which then returns EINTR.
    public func kick() { Handle(thread: thread).kick() }

    /// A reference to a living thread, by which others may interrupt it.
    public struct Handle: @unchecked Sendable {
        // @unchecked: pthread_t is a number on Linux.
        fileprivate let thread: pthread_t

        /// Interrupts the thread's blocking call, as `Thread.kick` does. The thread must not have ended.
        ///
        /// The signal is sent again if the kernel refuses it: the caller then waits for the thread, and would wait
        /// forever.
        public func kick() {
            for _ in 0..<3 where cl_kick_thread(thread) == 0 { return }
        }
    }

    /// The calling thread.
    public static var current: Handle { Handle(thread: pthread_self()) }

    /// The processor time of the thread in nanoseconds, including the guest's; pthread_getcpuclockid(3).
    public var processorTime: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard pthread_getcpuclockid(thread, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Waits until the thread has ended.
    public consuming func join() { pthread_join(thread, nil) }

    /// Prepares the process for threads that run guests: installs an empty handler for the signal of `kick`, so that it
    /// only interrupts, and uses one heap for all threads, since these hardly allocate.
    public static func prepare() {
        // Without the handler a kick would end the process.
        if cl_install_kick_handler() != 0 { _ = cl_install_kick_handler() }
        cl_use_one_heap()
    }
}
