import CLinux
import Glibc

/// Ties a process's life to that of its parent, for children that must not outlive a parent that was killed.
public enum ParentTie {
    /// The variable by which a parent tells a child of the same program that it is to be tied, and to which process.
    public static let variable = "SWIFTLET_PARENT"

    /// What a parent adds to a child's environment.
    public static var entry: String { "\(variable)=\(getpid())" }

    /// Has the kernel kill this process when its parent ends, where the environment asks for it. See prctl(2),
    /// PR_SET_PDEATHSIG.
    ///
    /// To be called before the process does anything that must not stay. SIGKILL, since a run that hangs must end too;
    /// what it held, devices above all, the kernel then resets and takes back.
    /// - Returns: false where the parent has ended already.
    public static func bind() -> Bool {
        guard let value = getenv(variable), let parent = pid_t(String(cString: value)) else { return true }
        _ = cl_set_parent_death_signal(SIGKILL)
        // The parent may have ended before the kernel knew that we want to hear of it.
        return getppid() == parent
    }
}
