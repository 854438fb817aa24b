import Glibc
import LinuxSystem

/// A directory that goes away with its last owner, and all in it.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/swiftlet-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCallError.last("mkdtemp", parent) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file and gives its path.
    public func file(_ name: String, _ bytes: [UInt8] = []) throws -> String {
        let file = "\(path)/\(name)"
        let descriptor = try Descriptor(opening: file, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try descriptor.write(contents: bytes)
        return file
    }

    public func contents(_ name: String) throws -> [UInt8] { try readFile("\(path)/\(name)") }

    deinit {
        Self.remove(path)
    }

    private static func remove(_ path: String) {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            // A link to a directory is taken away itself; only what can't be unlinked is a directory.
            if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }
}

/// All of a file.
public func readFile(_ path: String) throws -> [UInt8] {
    let descriptor = try Descriptor(opening: path, flags: O_RDONLY)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor.raw, &chunk, chunk.count)
        guard count >= 0 else { throw SystemCallError.last("read", path) }
        if count == 0 { return bytes }
        bytes += chunk[0..<count]
    }
}
