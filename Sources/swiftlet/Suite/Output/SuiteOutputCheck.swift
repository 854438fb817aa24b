import Glibc
import LinuxSystem

/// Checks before a suite's first boot that its boots' files can be written.
enum SuiteOutputCheck {
    struct Failure: Error {
        let path: String
        let cause: OutputFileError
        /// The kind of file that can't be written; nil for a log.
        var what: String?

        init(_ path: String, _ cause: OutputFileError) { (self.path, self.cause) = (path, cause) }

        init(_ path: String, _ call: String, _ errno: Int32) {
            self.init(path, .system(SystemCallError(call: call, object: path, errno: .init(rawValue: errno))))
        }
    }

    /// Creates the directory for logs, and checks all files that these tests write.
    static func prepare(_ tests: [SuiteCase], logs: String?) throws(Failure) {
        var files = tests.flatMap { test in
            test.outputs.map { (path: $0.path, what: "the \($0.what) of \(test.name)" as String?) }
        }
        var directories: Set<String> = []
        if let logs {
            if mkdir(logs, 0o755) != 0, errno != EEXIST { throw Failure(logs, .system(.last("mkdir", logs))) }
            try check(directory: logs)
            directories.insert(logs)
            files = tests.map { (SuiteRun.log(of: $0, in: logs), nil) } + files
        }
        for file in files {
            do throws(Failure) {
                try check(file.path, isLog: file.what == nil, &directories)
            } catch {
                var failure = error
                failure.what = file.what
                throw failure
            }
        }
    }

    /// Checks that files can be created in a directory, and written.
    private static func check(directory: String) throws(Failure) {
        var name = Array("\(directory)/.swiftlet-XXXXXX".utf8CString)
        let raw = mkstemp(&name)
        guard raw >= 0 else { throw Failure(directory, .system(.last("open", directory))) }
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
        let file = Descriptor(owning: raw, object: directory)
        defer { unlink(name) }
        // A page: some file systems store less in the file's own entry, and so accept it when they are full.
        do throws(SystemCallError) { try file.write(contents: [UInt8](repeating: 0, count: 4096)) } catch {
            throw Failure(directory, .system(error))
        }
    }

    /// Checks that a boot can write a file. An existing file is emptied now, so that it is not mistaken for this
    /// suite's if the boot never begins.
    /// - Parameters:
    ///   - isLog: true if it must be a file; otherwise a pipe or a device is allowed, which only its boot opens.
    ///   - directories: those already checked, to check each only once.
    private static func check(_ path: String, isLog: Bool, _ directories: inout Set<String>) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            let slash = path.lastIndex(of: "/")
            let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
            guard directories.insert(directory).inserted else { return }
            do throws(Failure) { try check(directory: directory) } catch { throw Failure(path, error.cause) }
            return
        }
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            guard isLog || isDirectory else { return }
            throw Failure(path, "open", isDirectory ? EISDIR : EEXIST)
        }
        do throws(OutputFileError) { _ = try OutputFile(path, appends: true, reads: isLog) } catch {
            throw Failure(path, error)
        }
    }
}
