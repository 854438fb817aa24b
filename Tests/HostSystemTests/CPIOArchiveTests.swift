import Testing
import TestSupport

@testable import HostSystem

struct CPIOArchiveTests {
    private static var archive: CPIOArchive {
        var archive = CPIOArchive()
        archive.addDirectory("bin")
        archive.addFile("bin/tool", contents: Array("twelve bytes".utf8), permissions: 0o755)
        archive.addFile("odd", contents: Array("odd".utf8))
        archive.addFile("empty", contents: [])
        archive.addSymbolicLink("bin/sh", to: "tool")
        archive.addCharacterDevice("console", major: 5, minor: 1)
        return archive
    }

    @Test("cpio(1) lists the entries of the archive")
    func listing() throws {
        let listing = try Host.run("cpio -itv --quiet --numeric-uid-gid", input: Self.archive.bytes)
        #expect(listing.status == 0)
        let lines = listing.output.split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true)
        }
        #expect(
            lines.map { String($0[0]) } == [
                "drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "-rw-r--r--", "lrwxrwxrwx", "crw-------",
            ])
        #expect(lines.map { String($0.last ?? "") } == ["bin", "bin/tool", "odd", "empty", "tool", "console"])
        #expect(lines[5][4...5].joined(separator: " ") == "5, 1")
    }

    @Test("cpio(1) extracts the contents")
    func contents() throws {
        #expect(
            try Host.run("cpio -i --to-stdout --quiet bin/tool", input: Self.archive.bytes).output == "twelve bytes")
        #expect(try Host.run("cpio -i --to-stdout --quiet odd", input: Self.archive.bytes).output == "odd")
        #expect(try Host.run("cpio -i --to-stdout --quiet empty", input: Self.archive.bytes).output == "")
    }

    @Test func everyMemberStartsOnAFourByteBoundary() {
        #expect(Self.archive.bytes.count % 4 == 0)
    }
}
