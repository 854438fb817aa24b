import Glibc
import LinuxSystem
import TestSupport
import Testing

struct OutputFileTests {
    /// A user who has nothing to do with us.
    private static let stranger: uid_t = 65534
    private static let isRoot = geteuid() == 0

    /// A directory as /tmp is: everybody may make files in it.
    private static func shared() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        #expect(chmod(directory.path, 0o1777) == 0)
        return directory
    }

    private static func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

    private static func mode(_ path: String) -> UInt32 {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    private static func error(_ path: String, followsLinks: Bool = true) -> OutputFileError? {
        do throws(OutputFileError) {
            _ = try OutputFile(path, followsLinks: followsLinks)
            return nil
        } catch {
            return error
        }
    }

    @Test func aNewFileIsReadableAsItsAudienceIs() throws {
        let directory = try Self.shared()
        try OutputFile("\(directory.path)/report").descriptor.write(contents: Array("report".utf8))
        _ = try OutputFile("\(directory.path)/trace", for: .owner)
        #expect(try Self.text("\(directory.path)/report") == "report")
        // The tests' umask may take more away.
        #expect(Self.mode("\(directory.path)/report") & ~0o644 == 0)
        #expect(Self.mode("\(directory.path)/trace") == 0o600)
    }

    @Test func aFileThatIsThereIsEmptiedAndKeepsItsMode() throws {
        let directory = try Self.shared()
        let path = try directory.file("old", Array("longer than the new".utf8))
        #expect(chmod(path, 0o640) == 0)
        let file = try OutputFile(path, for: .owner)
        try file.descriptor.write(contents: Array("new".utf8))
        #expect(try Self.text(path) == "new")
        #expect(Self.mode(path) == 0o640)
    }

    @Test(
        "Another user's file in a directory for all is refused and keeps its contents",
        .enabled(if: isRoot, "the host lacks a second user: not root"))
    func foreignFile() throws {
        let directory = try Self.shared()
        let path = try directory.file("planted", Array("theirs".utf8))
        #expect(chown(path, Self.stranger, Self.stranger) == 0)
        #expect(Self.error(path) == .foreign("file", owner: Self.stranger))
        #expect(try Self.text(path) == "theirs")
        // A directory that only its owner writes to is the owner's affair.
        #expect(chmod(directory.path, 0o755) == 0)
        #expect(Self.error(path) == nil)
    }

    @Test(
        "Another user's named pipe is refused before it is opened",
        .enabled(if: isRoot, "the host lacks a second user: not root"))
    func foreignPipe() throws {
        let directory = try Self.shared()
        let path = "\(directory.path)/pipe"
        #expect(mkfifo(path, 0o666) == 0)
        #expect(chown(path, Self.stranger, Self.stranger) == 0)
        #expect(Self.error(path) == .foreign("named pipe", owner: Self.stranger))
    }

    @Test(
        "Another user's link is not followed, at the end of the path or in it",
        .enabled(if: isRoot, "the host lacks a second user: not root"),
        arguments: [true, false])
    func foreignLink(isLast: Bool) throws {
        let (directory, other) = (try Self.shared(), try TemporaryDirectory())
        let victim = try other.file("victim", Array("precious".utf8))
        let link = "\(directory.path)/link"
        #expect(symlink(isLast ? victim : other.path, link) == 0)
        #expect(lchown(link, Self.stranger, Self.stranger) == 0)
        #expect(Self.error(isLast ? link : "\(link)/victim") == .foreign("symbolic link", owner: Self.stranger))
        #expect(try Self.text(victim) == "precious")
    }

    @Test func theUsersOwnLinksAreFollowed() throws {
        let (directory, other) = (try Self.shared(), try TemporaryDirectory())
        let target = try other.file("target", Array("old".utf8))
        #expect(symlink(target, "\(directory.path)/absolute") == 0)
        #expect(symlink("absolute", "\(directory.path)/relative") == 0)
        #expect(symlink("../\(other.path.split(separator: "/").last ?? "")", "\(directory.path)/up") == 0)
        // ".." is the directory above where a link leads, as the kernel has it.
        let aside = directory.path.split(separator: "/").last ?? ""
        for name in ["absolute", "relative", "up/target", "up/../\(aside)/absolute"] {
            try OutputFile("\(directory.path)/\(name)").descriptor.write(contents: Array(name.utf8))
            #expect(try Self.text(target) == name)
        }
        // A link to nothing makes what it names.
        #expect(symlink("\(other.path)/made", "\(directory.path)/dangling") == 0)
        try OutputFile("\(directory.path)/dangling").replace(with: Array("made".utf8))
        #expect(try Self.text("\(other.path)/made") == "made")
        #expect(Self.error("\(directory.path)/absolute", followsLinks: false)?.errno == .tooManySymbolicLinkLevels)
        #expect(symlink("loop", "\(directory.path)/loop") == 0)
        #expect(Self.error("\(directory.path)/loop")?.errno == .tooManySymbolicLinkLevels)
    }

    @Test func aSecondNameInADirectoryForAllIsRefused() throws {
        let (directory, other) = (try Self.shared(), try TemporaryDirectory())
        let victim = try other.file("victim", Array("precious".utf8))
        #expect(link(victim, "\(directory.path)/name") == 0)
        #expect(Self.error("\(directory.path)/name") == .severalNames)
        #expect(try Self.text(victim) == "precious")
        #expect(Self.error(victim) == nil)
    }

    @Test("Pipes and devices are written to directly", arguments: ["/dev/null", "/dev/full"])
    func devices(path: String) throws {
        let isRegular = try OutputFile(path).isRegular
        #expect(!isRegular)
    }

    @Test func anOpenDescriptorIsAppendedToAndNotEmptied() throws {
        let directory = try Self.shared()
        let path = try directory.file("redirected", Array("before ".utf8))
        let open = try Descriptor(opening: path, flags: O_WRONLY)
        for name in ["/dev/fd/\(open.raw)", "/proc/self/fd/\(open.raw)"] {
            let file = try OutputFile(name)
            let isRegular = file.isRegular
            #expect(!isRegular)
            let count = write(file.descriptor.raw, "after ", 6)
            #expect(count == 6)
        }
        #expect(try Self.text(path) == "before after after ")
        var pipe = try Pipe()
        let file = try OutputFile("/dev/fd/\(pipe.input)")
        let count = write(file.descriptor.raw, "piped", 5)
        #expect(count == 5)
        pipe.closeWriting()
        var bytes = [UInt8](repeating: 0, count: 8)
        #expect(read(pipe.reading.raw, &bytes, 8) == 5)
    }

    @Test func pathsThatLeadNowhereAreRefused() throws {
        let directory = try Self.shared()
        let file = try directory.file("file")
        #expect(Self.error("")?.errno == .noSuchFileOrDirectory)
        #expect(Self.error("\(directory.path)/none/file")?.errno == .noSuchFileOrDirectory)
        #expect(Self.error("\(file)/below")?.errno == .notDirectory)
        for path in [directory.path, "\(directory.path)/", "/", "."] {
            #expect(Self.error(path)?.errno == .isDirectory, "\(path)")
        }
        #expect(Self.error("\(directory.path)/\(String(repeating: "n", count: 300))")?.errno == .fileNameTooLong)
    }

    @Test func aReplacementIsWholeAndLeavesNothingBeside() throws {
        let directory = try Self.shared()
        let name = String(repeating: "n", count: 255)
        let file = try OutputFile("\(directory.path)/\(name)")
        #expect(chmod("\(directory.path)/\(name)", 0o640) == 0)
        let old = try Descriptor(opening: "\(directory.path)/\(name)", flags: O_RDONLY)
        for number in 1...3 { try file.replace(with: Array("version \(number)".utf8)) }
        #expect(try Self.text("\(directory.path)/\(name)") == "version 3")
        #expect(Self.mode("\(directory.path)/\(name)") == 0o640)
        var status = stat()
        #expect(fstat(old.raw, &status) == 0)
        #expect(status.st_nlink == 0)
        var names: [String] = []
        let listing = try #require(opendir(directory.path))
        while let entry = readdir(listing) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        closedir(listing)
        #expect(names.filter { !$0.allSatisfy { $0 == "." } } == [name])
    }

    @Test func aWorkingDirectorysNameIsEnough() throws {
        let directory = try Self.shared()
        let place = try Descriptor(opening: directory.path, flags: O_RDONLY | O_DIRECTORY)
        try OutputFile("/proc/self/fd/\(place.raw)/report").replace(with: Array("there".utf8))
        #expect(try Self.text("\(directory.path)/report") == "there")
    }
}
