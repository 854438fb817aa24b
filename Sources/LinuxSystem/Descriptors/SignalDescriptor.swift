import CLinux
import Glibc

/// Signals delivered as readable events in place of handlers. See signalfd(2).
public struct SignalDescriptor: ~Copyable, EndRequests, Sendable {
    public let descriptor: Descriptor

    public var raw: Int32 { descriptor.raw }

    /// Blocks `signals` in this thread (and in threads it starts from now on) and makes them readable here.
    public init(_ signals: [Int32]) throws(SystemCallError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        let raw = signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
        guard raw >= 0 else { throw .last("signalfd") }
        descriptor = Descriptor(owning: raw, object: "signals")
    }

    /// Returns the next signal that has come, nil if there is none.
    public func nextSignal() -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        return Glibc.read(descriptor.raw, &information, size) == size ? Int32(information.ssi_signo) : nil
    }
}
