public import HostSystem
public import LinuxSystem

/// Why the lab could not run the command, or not to its end. Each is one sentence a person can act on.
public enum LabError: Error, CustomStringConvertible {
    /// The lab was asked for something that makes no sense.
    case usage(String)
    /// A program or file that a Debian package brings is missing.
    case missing(what: String, package: String)
    /// The kernel given, or every kernel found, can't serve.
    case kernel(String)
    /// A system call of the lab's own failed.
    case system(SystemCallError)
    /// A file can't be made or written here: what was to be in it, and its path.
    case unwritable(String, path: String, OutputFileError)
    /// QEMU would not start with the devices asked for, in its own words.
    case refused(String)
    /// QEMU ended by itself.
    case emulator(String)
    /// The lab's host says that it could not set itself up.
    case setup(String)
    /// The lab's host never got as far as the command.
    case silent(seconds: Int, stage: String)
    /// The lab's own kernel crashed, or the emulator under it, and how. Neither says anything about the command.
    case crashed(String)
    /// The command shut the lab's host down.
    case powerOff
    /// The time given was over.
    case timeout(seconds: Double, stage: String)
    /// A signal asks to end.
    case interrupted
    /// Nobody reads the command's output any more.
    case outputClosed

    /// The process's exit status, by sysexits(3), and 125 where nothing was learnt about the command.
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

    /// Whether the kernel log of the lab's host may tell more.
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
    /// What the lab says where something of this host can't be had.
    public init(_ error: HostSystemError) {
        switch error {
        case .missing(let what, let package): self = .missing(what: what, package: package)
        case .absent: self = .usage("--kernel or --modules: \(error)")
        case .system(let error): self = .system(error)
        }
    }

    /// What `body` gives; its error as the lab's.
    static func wording<Value>(_ body: () throws(HostSystemError) -> Value) throws(LabError) -> Value {
        do throws(HostSystemError) { return try body() } catch { throw LabError(error) }
    }
}
