import Glibc
import LinuxSystem

/// What a console has open beside the descriptors that it is given: opened before the guest's first instruction, and
/// once for all machines of a run.
public final class ConsoleFiles: Sendable {
    /// Where the guest's output goes; nil for nowhere.
    let output: ConsoleDestination?
    /// Takes what a slow reader has yet to take.
    let backlog: BacklogFile?
    /// The terminal that is typed at, for our own words; nil where the input is none.
    let terminal: ConsoleDestination?

    /// - Parameters:
    ///   - output: a descriptor that outlives this; nil for none.
    ///   - input: the same.
    public init(output: Int32?, input: Int32?) {
        self.output = output.map { ConsoleDestination($0) }
        backlog = output.map(Self.mayBeSlow) == true ? BacklogFile.make() : nil
        terminal = input.flatMap { isatty($0) == 1 ? ConsoleDestination($0) : nil }
    }

    /// Whether there may be a reader who doesn't follow: regular files and /dev/null take everything at once.
    private static func mayBeSlow(_ output: Int32) -> Bool {
        var status = stat()
        guard fstat(output, &status) == 0 else { return true }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return false
        // Documentation/admin-guide/devices.txt: character device 1, 3.
        case S_IFCHR: return status.st_rdev != 1 << 8 | 3
        default: return true
        }
    }
}

/// A file without a name for a console's backlog, in TMPDIR or /tmp.
final class BacklogFile: Sendable {
    let descriptor: Descriptor

    private init() throws(SystemCallError) { descriptor = try TemporaryFile("the console's backlog").release() }

    /// Makes one; nil where none can be made.
    static func make() -> BacklogFile? { try? BacklogFile() }

    /// Gives the disk's room back.
    func empty() { ftruncate(descriptor.raw, 0) }
}
