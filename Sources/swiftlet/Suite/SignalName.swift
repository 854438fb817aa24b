import Glibc

/// What people call a signal.
enum SignalName {
    /// With what sends it where nobody asked for it.
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
