import LinuxSystem
import Testing
import TestSupport

@testable import HostSystem
@testable import Lab

struct ReturnedFilesTests {
    /// What busybox packs of a directory, as the lab's host does.
    private static func archive(_ script: String) throws -> [UInt8] {
        let directory = try Host.Directory()
        _ = try Host.run(
            """
            mkdir '\(directory.path)/in' && cd '\(directory.path)/in' && { \(script); } &&
            find . -type f | sort | busybox cpio -o -H newc > ../archive
            """)
        return try HostFile.contents("\(directory.path)/archive")
    }

    @Test("An archive made by busybox is read", .enabled(if: Host.has("busybox")))
    func reading() throws {
        let archive = try Self.archive(
            "mkdir -p d/e; echo text > d/e/f; : > empty; printf odd > odd; chmod 751 odd; echo one > a; ln a b")
        let files = try ReturnedFiles(archive: archive).files.sorted { $0.path < $1.path }
        #expect(files.map(\.path) == ["a", "b", "d/e/f", "empty", "odd"])
        #expect(files.map { String(decoding: $0.contents, as: UTF8.self) } == ["one\n", "one\n", "text\n", "", "odd"])
        #expect(files.map(\.permissions) == [0o644, 0o644, 0o644, 0o644, 0o751])
    }

    @Test func filesAreWrittenWithTheirDirectories() throws {
        var archive = CPIOArchive()
        archive.addDirectory("./new")
        archive.addFile("./new/file", contents: Array("new".utf8), permissions: 0o750)
        archive.addFile("./old", contents: Array("short".utf8))
        let directory = try Host.Directory()
        try directory.write("old", "longer than it will be")
        try ReturnedFiles(archive: archive.bytes).write(below: directory.path)
        #expect(directory.read("new/file") == "new")
        #expect(directory.read("old") == "short")
        #expect(try Host.run("stat -c %a '\(directory.path)/new/file'").output == "750\n")
    }

    @Test("No file is written outside the directory", arguments: ["../out", "a/../../out", "/tmp/out"])
    func outside(path: String) throws {
        var archive = CPIOArchive()
        archive.addFile(path, contents: [1])
        do throws(LabError) {
            _ = try ReturnedFiles(archive: archive.bytes)
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".contains("'\(path)', which is not below the current directory"))
        }
    }

    @Test("No file is written through a symbolic link", arguments: ["link/file", "link"])
    func links(path: String) throws {
        let (directory, other) = (try Host.Directory(), try Host.Directory())
        try other.write("file", "untouched")
        let target = path == "link" ? "\(other.path)/file" : other.path
        _ = try Host.run("ln -s '\(target)' '\(directory.path)/link'")
        var archive = CPIOArchive()
        archive.addFile(path, contents: [1])
        let files = try ReturnedFiles(archive: archive.bytes)
        #expect(throws: LabError.self) { try files.write(below: directory.path) }
        #expect(other.read("file") == "untouched")
    }

    @Test func anArchiveThatIsCutOffIsRefused() throws {
        var archive = CPIOArchive()
        archive.addFile("file", contents: [UInt8](repeating: 7, count: 100))
        for count in [0, 50, 120, 200, archive.bytes.count - 20] {
            #expect(throws: LabError.self) { try ReturnedFiles(archive: Array(archive.bytes.prefix(count))) }
        }
    }
}
