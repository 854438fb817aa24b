import CLinux
import Glibc

/// Ends a process together with its parent, for children that must not outlive a killed parent.
public enum ParentTie {
    /// The environment variable that asks a child for this; its value is the parent's process id.
    public static let variable = "SWIFTLET_PARENT"

    /// The entry that a parent adds to a child's environment.
    public static var entry: String { "\(variable)=\(getpid())" }

    /// Asks the kernel to kill this process when its parent ends, if the environment says so. See prctl(2),
    /// PR_SET_PDEATHSIG.
    ///
    /// To be called before the process acquires anything that must be released. The signal is SIGKILL, since a hung run
    /// must end too; the kernel then resets and takes back its devices.
    /// - Returns: false if the parent has ended already.
    public static func bind() -> Bool {
        guard let value = getenv(variable), let parent = pid_t(String(cString: value)) else { return true }
        _ = cl_set_parent_death_signal(SIGKILL)
        // The parent may have ended before prctl took effect.
        return getppid() == parent
    }
}
