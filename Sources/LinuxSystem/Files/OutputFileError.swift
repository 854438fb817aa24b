public import SystemPackage

/// The reason why a file can't be written to.
public enum OutputFileError: Error, Equatable, CustomStringConvertible {
    case system(SystemCallError)
    /// Another user created it in a directory where everybody may create files: its kind, and that user's number.
    case foreign(String, owner: UInt32)
    /// The file has other names, and this one is in a directory where everybody may create files.
    case severalNames

    /// The class of the failure.
    public var errno: Errno {
        switch self {
        case .system(let error): error.errno
        case .foreign, .severalNames: .permissionDenied
        }
    }

    /// Follows "can't be written to PATH: ".
    public var description: String {
        switch self {
        case .system(let error): "\(error.errno)"
        case .foreign(let kind, let owner):
            """
            user \(owner) has put a \(kind) there, in a directory where everybody may make files; remove it or \
            choose another directory
            """
        case .severalNames:
            "the file there has other names too (hard links), in a directory where everybody may make files; "
                + "remove it or choose another directory"
        }
    }
}
