public import LinuxSystem

/// Why something of this host can't be had for a guest. Each is one sentence a person can act on.
public enum HostSystemError: Error, CustomStringConvertible {
    /// A program or file that a Debian package brings is missing.
    case missing(what: String, package: String)
    /// A file or folder that was named is not there.
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
