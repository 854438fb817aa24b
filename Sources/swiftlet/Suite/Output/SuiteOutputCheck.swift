import Glibc
import LinuxSystem

/// Finds before a suite's first boot what would keep its boots' files from being written.
enum SuiteOutputCheck {
    struct Failure: Error {
        let path: String
        let cause: OutputFileError

        init(_ path: String, _ cause: OutputFileError) { (self.path, self.cause) = (path, cause) }

        init(_ path: String, _ call: String, _ errno: Int32) {
            self.init(path, .system(SystemCallError(call: call, object: path, errno: .init(rawValue: errno))))
        }
    }

    /// Makes a directory unless it is there.
    static func makeDirectory(_ path: String) throws(Failure) {
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw Failure(path, .system(.last("mkdir", path))) }
    }

    /// Whether files can be made in a directory, and take something.
    static func check(directory: String) throws(Failure) {
        var name = Array("\(directory)/.swiftlet-XXXXXX".utf8CString)
        let raw = mkstemp(&name)
        guard raw >= 0 else { throw Failure(directory, .system(.last("open", directory))) }
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
        let file = Descriptor(owning: raw, object: directory)
        defer { unlink(name) }
        // A page: some file systems keep less in the file's own entry, and so take it when they are full.
        do throws(SystemCallError) { try file.write(contents: [UInt8](repeating: 0, count: 4096)) } catch { throw Failure(directory, .system(error)) }
    }

    /// Whether a boot can write a file. One that is there is emptied now, so that it is not taken for this suite's where the boot is never begun.
    /// - Parameter isLog: whether it must be a file; else a pipe or a device may stand in its place, which is opened by its boot alone.
    static func check(_ path: String, isLog: Bool = false) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            guard isLog || isDirectory else { return }
            throw Failure(path, "open", isDirectory ? EISDIR : EEXIST)
        }
        do throws(OutputFileError) { _ = try OutputFile(path, appends: true, reads: isLog) } catch { throw Failure(path, error) }
    }

    /// The same for a file in a directory of its own.
    /// - Parameter directories: those that were looked at, to look once at each.
    static func check(_ path: String, _ directories: inout Set<String>) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) != 0 else { return try check(path) }
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard directories.insert(directory).inserted else { return }
        do throws(Failure) { try check(directory: directory) } catch { throw Failure(path, error.cause) }
    }
}
