import Glibc
public import LinuxSystem

/// A file for the guest, open for reading at any offset.
///
/// A pipe, such as a shell's `<(xzcat kernel.xz)`, can be read only once and in order, so it is copied to a file
/// without a name. So is a file with size 0: files of /proc and of some FUSE file systems have this size but do have
/// contents.
public final class InputFile: Sendable {
    public let descriptor: Descriptor
    /// The size in bytes.
    public let size: UInt64

    /// The largest size of a pipe's contents, since an endless pipe would fill the disk.
    static let copyLimit = 4 << 30

    init(_ path: String) throws(SystemCallError) {
        let opened = try Descriptor(opening: path, flags: O_RDONLY)
        var status = stat()
        guard fstat(opened.raw, &status) == 0 else { throw .last("fstat", path) }
        switch status.st_mode & S_IFMT {
        case S_IFREG where status.st_size > 0:
            size = UInt64(status.st_size)
            descriptor = opened
        case S_IFREG, S_IFIFO, S_IFSOCK:
            let copy = try TemporaryFile("what \(path) brings")
            size = try Self.copy(opened, to: copy.descriptor)
            descriptor = copy.release()
        default:
            throw SystemCallError(
                call: "open", object: path, errno: status.st_mode & S_IFMT == S_IFDIR ? .isDirectory : .invalidArgument)
        }
    }

    /// Creates a file without a name for the contents of a compressed file.
    init(contents: [UInt8], of path: String) throws(SystemCallError) {
        descriptor = try TemporaryFile("what \(path) holds", contents: contents).release()
        size = UInt64(contents.count)
    }

    private static func copy(_ pipe: borrowing Descriptor, to file: borrowing Descriptor) throws(SystemCallError)
        -> UInt64
    {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        var size = 0
        while true {
            let count = BlockingCall.make(.reading, pipe.object) {
                let count = Glibc.read(pipe.raw, &piece, piece.count)
                return count < 0 ? -Int(errno) : count
            }
            guard count >= 0 else {
                throw SystemCallError(call: "read", object: pipe.object, errno: .init(rawValue: Int32(-count)))
            }
            guard count > 0 else { return UInt64(size) }
            guard size + count <= copyLimit else {
                throw SystemCallError(call: "read", object: pipe.object, errno: .fileTooLarge)
            }
            var failure: SystemCallError?
            piece.withUnsafeBytes { bytes in
                do throws(SystemCallError) {
                    try file.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: UInt64(size))
                } catch { failure = error }
            }
            if let failure { throw failure }
            size += count
        }
    }

    func read(at offset: UInt64, count: Int) throws(SystemCallError) -> [UInt8] {
        var failure: SystemCallError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(SystemCallError) {
                try descriptor.read(
                    into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count), at: offset)
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// The files that a run reads, each opened once: a machine that starts again, and the reader of the kernel's symbols,
/// use the open files. So later changes of a path have no effect, and the contents of a pipe are kept.
public final class InputFiles: @unchecked Sendable {
    // @unchecked: only the thread that builds machines uses it.
    private var opened: [(path: String, file: InputFile)] = []
    private var unpacked: [(path: String, file: InputFile)] = []

    public init() {}

    /// Opens a file, or returns the one that is already open for this path.
    public func open(_ path: String) throws(SystemCallError) -> InputFile {
        if let file = Self.find(path, in: opened) { return file }
        let file = try InputFile(path)
        opened.append((path, file))
        return file
    }

    /// Returns the contents of the compressed file of this path, if a machine has loaded it.
    public func unpacked(_ path: String) -> InputFile? { Self.find(path, in: unpacked) }

    /// Keeps the contents of a compressed file.
    func keep(_ contents: [UInt8], of path: String) throws(SystemCallError) -> InputFile {
        let file = try InputFile(contents: contents, of: path)
        unpacked.append((path, file))
        return file
    }

    private static func find(_ path: String, in files: [(path: String, file: InputFile)]) -> InputFile? {
        files.first { $0.path.utf8.elementsEqual(path.utf8) }?.file
    }
}
