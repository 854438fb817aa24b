import Glibc
import LinuxSystem

/// The files that a console opens besides its given descriptors: before the guest's first instruction, and once for all
/// machines of a run.
public final class ConsoleFiles: Sendable {
    /// The guest's output; nil for none.
    let output: ConsoleDestination?
    /// Holds bytes that a slow reader has not accepted yet.
    let backlog: BacklogFile?
    /// The terminal of the input, for swiftlet's own messages; nil if the input is no terminal.
    let terminal: ConsoleDestination?

    /// - Parameters:
    ///   - output: a descriptor that outlives this; nil for none.
    ///   - input: the same.
    public init(output: Int32?, input: Int32?) {
        self.output = output.map { ConsoleDestination($0) }
        backlog = output.map(Self.mayBeSlow) == true ? BacklogFile.make() : nil
        terminal = input.flatMap { isatty($0) == 1 ? ConsoleDestination($0) : nil }
    }

    /// Returns true if the reader may be slow: regular files and /dev/null accept everything at once.
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

    /// Creates one; nil if that fails.
    static func make() -> BacklogFile? { try? BacklogFile() }

    /// Frees the space on disk.
    func empty() { ftruncate(descriptor.raw, 0) }
}
