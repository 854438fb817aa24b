public import LinuxSystem

/// The reason why a guest can't get something from this host. Each is one sentence that a person can act on.
public enum HostSystemError: Error, CustomStringConvertible {
    /// A program or file of a Debian package is missing.
    case missing(what: String, package: String)
    /// A file or folder does not exist.
    case absent(String)
    case system(SystemCallError)

    public var description: String {
        switch self {
        case .missing(let what, let package): "\(what) is missing: apt-get install \(package)"
        case .absent(let path): "\(path) does not exist"
        case .system(let error): "\(error)"
        }
    }
}
