import Glibc

/// The common name of a signal.
enum SignalName {
    /// Returns the name, with the usual sender if nobody requested it.
    static func words(_ signal: Int32) -> String {
        switch signal {
        case SIGKILL: "SIGKILL (as the kernel does when memory runs out)"
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGHUP: "SIGHUP"
        case SIGSEGV: "SIGSEGV"
        case SIGBUS: "SIGBUS"
        case SIGILL: "SIGILL"
        case SIGTRAP: "SIGTRAP"
        case SIGABRT: "SIGABRT"
        case SIGXCPU: "SIGXCPU (a limit on processor time)"
        case SIGXFSZ: "SIGXFSZ (a limit on the size of files)"
        default: "signal \(signal)"
        }
    }
}
