import Glibc
import LinuxSystem

/// A small text file, whole.
enum TextFile {
    /// A limit above the size of any such file.
    private static let limit = 1 << 20

    /// - Throws: `EFBIG` if it is larger than a MiB.
    static func read(_ path: String) throws(SystemCallError) -> String {
        let file = try Descriptor(opening: path, flags: O_RDONLY)
        return try read(file)
    }

    /// Reads everything from a file's start. Files of sysfs and procfs don't give their size.
    static func read(_ file: borrowing Descriptor) throws(SystemCallError) -> String {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(file.raw, &piece, piece.count, off_t(bytes.count))
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw .last("pread", file.object)
            }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
            guard bytes.count <= limit else {
                throw SystemCallError(call: "read", object: file.object, errno: .init(rawValue: EFBIG))
            }
        }
    }
}
