import Glibc
import LinuxSystem
import TestSupport
import Testing

/// What a run writes in a directory where everybody may make files, and another user did.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SharedDirectoryTests {
    /// A user who has nothing to do with us.
    private static let stranger: uid_t = 65534
    private static let isRoot = geteuid() == 0

    private let shared: TemporaryDirectory
    private let own: TemporaryDirectory

    init() throws {
        (shared, own) = (try TemporaryDirectory(), try TemporaryDirectory())
        #expect(chmod(shared.path, 0o1777) == 0)
    }

    private func passing() throws -> String { try own.file("passes.bin", TestKernel.exits(0)) }

    private static func status(_ path: String) -> stat {
        var status = stat()
        return lstat(path, &status) == 0 ? status : stat()
    }

    @Test(
        "No option follows another user's link", .enabled(if: isRoot, "the host lacks a second user: not root"),
        arguments: ["--report json:", "--report junit:", "--console file:", "--record ", "--trace "])
    func plantedLinks(option: String) throws {
        let victim = try own.file("victim", Array("precious".utf8))
        let link = "\(shared.path)/out"
        #expect(symlink(victim, link) == 0)
        #expect(lchown(link, Self.stranger, Self.stranger) == 0)
        let words = "\(option)\(link)".split(separator: " ").map(String.init)
        let ended = try SwiftletProcess(["run", try passing()] + words).wait()
        #expect(ended.status == 73)
        #expect(
            ended.lastLine.contains("can't be written to \(link): user \(Self.stranger) has put a symbolic link there"),
            "\(ended.errors)")
        #expect(try String(decoding: readFile(victim), as: UTF8.self) == "precious")
    }

    @Test func recordingsAndTracesAreTheirOwnersAlone() throws {
        let names = ["record", "trace", "report", "console"]
        let paths = names.map { "\(shared.path)/\($0)" }
        let ended = try SwiftletProcess(
            [
                "run", try passing(), "--record", paths[0], "--trace", paths[1], "--report", "json:\(paths[2])",
                "--console", "file:\(paths[3])",
            ]
        ).wait()
        #expect(ended.status == 0, "\(ended.errors)")
        for path in paths[..<2] { #expect(Self.status(path).st_mode & 0o777 == 0o600, "\(path)") }
        for path in paths[2...] { #expect(Self.status(path).st_mode & 0o777 & ~0o644 == 0, "\(path)") }
    }

    @Test(
        "A suite's report stays ours whatever stands beside it",
        .enabled(if: isRoot, "the host lacks a second user: not root"))
    func plantedPartialReport() throws {
        _ = try passing()
        let suite = try own.file(
            "boots.toml", Array("[[boot]]\nname = \"a\"\nkernel = \"passes.bin\"\ntimeout = \"60s\"\n".utf8))
        let (report, planted) = ("\(shared.path)/r.xml", "\(shared.path)/r.xml.partial")
        _ = try shared.file("r.xml.partial", Array("theirs".utf8))
        #expect(chown(planted, Self.stranger, Self.stranger) == 0)
        let ended = try SwiftletProcess.run("suite", suite, "--report", "junit:\(report)")
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(Self.status(report).st_uid == geteuid())
        #expect(Self.status(report).st_nlink == 1)
        #expect(try String(decoding: readFile(report), as: UTF8.self).contains("</testsuites>"))
        #expect(try String(decoding: readFile(planted), as: UTF8.self) == "theirs")
    }

    @Test(
        "Nor are its consoles kept in another user's files",
        .enabled(if: isRoot, "the host lacks a second user: not root"))
    func plantedLog() throws {
        _ = try passing()
        let suite = try own.file(
            "boots.toml", Array("[[boot]]\nname = \"a\"\nkernel = \"passes.bin\"\ntimeout = \"60s\"\n".utf8))
        let victim = try own.file("victim", Array("precious".utf8))
        #expect(symlink(victim, "\(shared.path)/a.log") == 0)
        #expect(lchown("\(shared.path)/a.log", Self.stranger, Self.stranger) == 0)
        let ended = try SwiftletProcess.run("suite", suite, "--logs", shared.path)
        #expect(ended.status == 73, "\(ended.errors)")
        #expect(try String(decoding: readFile(victim), as: UTF8.self) == "precious")
    }

    @Test func standardOutputIsAFileToo() throws {
        let ended = try SwiftletProcess.run("run", try passing(), "--report", "json:/dev/stdout", "--console", "none")
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(try WrittenReport(Array(ended.output.utf8)).outcome == "passed")
    }
}
