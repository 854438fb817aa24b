import Glibc
import LinuxSystem
import Scripting

/// The pipe through which a run passes its result to the suite that started it.
///
/// It is a separate descriptor, which no guest can write to: the console is another one. A pipe needs no disk, so that
/// a full disk can't lose a verdict.
struct ResultChannel: ~Copyable {
    /// The variable by which a suite passes the descriptor to a run: `4:DEVICE:INODE`.
    static let variable = "SWIFTLET_RESULT"
    /// The descriptor's number in the run's process.
    static let descriptor: Int32 = 4

    /// F_GETPIPE_SZ of <fcntl.h>, which the Glibc module leaves out.
    private static let getPipeSize: Int32 = 1032

    private let reading: Descriptor
    /// The run's end of the pipe.
    let writing: Descriptor
    /// The entry for a run's environment.
    let entry: String

    /// - Throws: `pipe` failing, as when descriptors run out (EMFILE).
    init() throws(SystemCallError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .last("pipe", "a run's result") }
        let reading = Descriptor(owning: ends[0], object: "a run's result")
        let writing = Descriptor(owning: ends[1], object: "a run's result")
        // Neither waits for the other: a pipe holds far more than a result, and the suite reads when the run has ended.
        for end in ends where fcntl(end, F_SETFD, FD_CLOEXEC) != 0 || fcntl(end, F_SETFL, O_NONBLOCK) != 0 {
            throw .last("fcntl", "a run's result")
        }
        self.reading = reading
        self.writing = writing
        entry = "\(Self.variable)=\(Self.descriptor):\(Self.identity(of: ends[1]) ?? "")"
    }

    /// Returns the run's result, after its end.
    func result() throws(RunResult.Malformed) -> RunResult {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= RunResult.byteLimit {
            let count = Glibc.read(reading.raw, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return try RunResult(encoded: bytes)
    }

    /// True if a suite started this run.
    static var isOffered: Bool {
        // Not a file that an unrelated environment variable names by accident.
        guard let text = getenv(variable), let identity = identity(of: descriptor) else { return false }
        return String(cString: text) == "\(descriptor):\(identity)"
    }

    /// Passes a result on, in a run that a suite started; does nothing in another. To be called once.
    /// - Returns: true if there is a suite.
    static func handOver(_ result: @autoclosure () -> RunResult) -> Bool {
        guard isOffered else { return false }
        // The pipe's capacity, since nothing is read before the end; it may be a single page for a user with many pipes
        // (pipe(7), pipe-user-pages-soft).
        let room = fcntl(descriptor, getPipeSize)
        var rest = result().encoded(within: room > 0 ? Int(room) : 4096)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // If it can't be written the suite reports an incomplete result.
            guard count > 0 || errno == EINTR else { break }
            rest = rest.dropFirst(max(count, 0))
        }
        return true
    }

    /// Returns a pipe's device and inode, which are unique while it is open.
    private static func identity(of raw: Int32) -> String? {
        var status = stat()
        return fstat(raw, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
            ? "\(status.st_dev):\(status.st_ino)" : nil
    }
}
