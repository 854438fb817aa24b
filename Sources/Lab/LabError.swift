public import HostSystem
public import LinuxSystem

/// The reason why the lab could not run the command to its end. Each is one sentence a person can act on.
public enum LabError: Error, CustomStringConvertible {
    /// The lab's arguments are invalid.
    case usage(String)
    /// A program or file of a Debian package is missing.
    case missing(what: String, package: String)
    /// The given kernel, or every kernel found, is unsuitable.
    case kernel(String)
    /// A system call of the lab itself failed.
    case system(SystemCallError)
    /// A file can't be created or written on this machine: its contents, and its path.
    case unwritable(String, path: String, OutputFileError)
    /// QEMU would not start with the requested devices: its own message.
    case refused(String)
    /// QEMU ended by itself.
    case emulator(String)
    /// The lab's host reported that its setup failed.
    case setup(String)
    /// The lab's host did not get as far as the command.
    case silent(seconds: Int, stage: String)
    /// The lab's own kernel crashed, or the emulator: the description. Neither says anything about the command.
    case crashed(String)
    /// The command shut the lab's host down.
    case powerOff
    /// The time limit was reached.
    case timeout(seconds: Double, stage: String)
    /// A signal asks the lab to end.
    case interrupted
    /// No reader is left for the command's output.
    case outputClosed

    /// The process's exit status, by sysexits(3), and 125 if the command gave no result.
    public var exitStatus: Int32 {
        switch self {
        case .usage, .refused: 64
        case .missing: 69
        case .unwritable(_, _, let error)
        where [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .ioError].contains(error.errno): 125
        case .unwritable: 73
        default: 125
        }
    }

    /// True if the kernel log of the lab's host may explain the error.
    var isOfTheHost: Bool {
        switch self {
        case .setup, .silent, .crashed, .emulator: true
        default: false
        }
    }

    public var description: String {
        switch self {
        case .usage(let text), .kernel(let text), .emulator(let text): text
        case .refused(let text): "QEMU refused: \(text)"
        case .missing(let what, let package): "\(HostSystemError.missing(what: what, package: package))"
        case .system(let error): "\(error)"
        case .unwritable(let what, let path, let error): "\(what) can't be written to \(path): \(error)"
        case .setup(let text): "the lab's host could not set itself up: \(text)"
        case .silent(let seconds, let stage):
            """
            the lab's host did not get to the command in \(seconds) s (it was \(stage)): the machine is overloaded \
            or this kernel does not boot
            """
        case .crashed(let what): "the lab's own host crashed, not the command (\(what))"
        case .powerOff: "the command shut the lab's host down, so it has no exit status"
        case .timeout(let seconds, let stage): "timeout after \(LabError.format(seconds)) s (\(stage))"
        case .interrupted: "interrupted"
        case .outputClosed: "the reader of the command's output went away"
        }
    }

    private static func format(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }
}

extension LabError {
    /// Converts an error about a resource of this host.
    public init(_ error: HostSystemError) {
        switch error {
        case .missing(let what, let package): self = .missing(what: what, package: package)
        case .absent: self = .usage("--kernel or --modules: \(error)")
        case .system(let error): self = .system(error)
        }
    }

    /// Returns the value of `body`; converts its error to the lab's.
    static func wording<Value>(_ body: () throws(HostSystemError) -> Value) throws(LabError) -> Value {
        do throws(HostSystemError) { return try body() } catch { throw LabError(error) }
    }
}
