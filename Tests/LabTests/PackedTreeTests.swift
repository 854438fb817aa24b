import Glibc
import LinuxSystem
import Testing
import TestSupport

@testable import HostSystem
@testable import Lab

struct PackedTreeTests {
    /// A directory with a file, links to it by way of links, and a hole.
    private static func made() throws -> Host.Directory {
        let directory = try Host.Directory()
        try directory.write("usr/bin/tool", "the tool")
        try directory.write("usr/share/a/deep", "deep")
        try directory.write("usr/share/other", "other")
        _ = try Host.run(
            """
            cd '\(directory.path)' && chmod 750 usr/bin/tool && ln -s usr/bin bin && ln -s ../bin/tool usr/alias &&
            ln -s nowhere usr/broken &&
            ln -s ../other usr/share/a/link && ln -s loop loop && mkfifo usr/share/a/fifo
            """)
        return directory
    }

    @Test func aFileComesWithAllThatLeadsToIt() throws {
        let directory = try Self.made()
        var tree = PackedTree()
        #expect(try tree.add("\(directory.path)/usr/../usr/./alias") == "\(directory.path)/usr/bin/tool")
        func node(_ name: String) -> PackedTree.Node? { tree.nodes["\(directory.path)/\(name)"] }
        #expect(node("usr/alias") == .link(target: "../bin/tool"))
        #expect(node("bin") == .link(target: "usr/bin"))
        #expect(node("usr/bin/tool") == .file(permissions: 0o750, size: 8))
        #expect(node("usr/share") == nil)
        #expect(tree.nodes["/tmp"] == .directory(permissions: 0o1777))
        #expect(tree.size == 8)
    }

    @Test func aDirectoryIsPackedWhole() throws {
        let directory = try Self.made()
        var tree = PackedTree()
        let share = "\(directory.path)/usr/share/a"
        try tree.add(share)
        #expect(
            try tree.addContents(of: share).sorted() == ["\(share)/deep", "\(directory.path)/usr/share/other"].sorted())
        #expect(tree.nodes["\(share)/deep"] != nil)
        #expect(tree.nodes["\(share)/link"] == .link(target: "../other"))
        #expect(tree.nodes["\(share)/fifo"] == nil)
    }

    @Test func whatLeadsNowhereIsAnErrorThatNamesIt() throws {
        let directory = try Self.made()
        for (name, errno) in [("usr/broken", ENOENT), ("loop", ELOOP), ("usr/bin/tool/x", ENOTDIR)] {
            var tree = PackedTree()
            do throws(SystemCallError) {
                try tree.add("\(directory.path)/\(name)")
                Issue.record("\(name) is there")
            } catch {
                #expect(error.errno.rawValue == errno)
                #expect(error.object.hasPrefix(directory.path))
            }
        }
    }

    @Test func whatTheLabMountsItselfIsLeftOut() throws {
        var tree = PackedTree()
        #expect(try tree.add("/proc/self/exe") == "/proc")
        #expect(tree.nodes.isEmpty)
    }

    @Test("cpio(1) unpacks the tree as it was")
    func archive() throws {
        let directory = try Self.made()
        var tree = PackedTree()
        try tree.add("\(directory.path)/usr/alias")
        tree.addIfAbsent("\(directory.path)/usr/bin/tool", .contents([], permissions: 0o600))
        tree.addIfAbsent("\(directory.path)/usr/bin/own", .contents(Array("own".utf8), permissions: 0o755))
        var archive = CPIOArchive()
        archive.addDirectory("root")
        try tree.write(to: &archive, below: "root")
        let target = try Host.Directory()
        try target.write("archive", archive.bytes)
        let unpacked = try Host.run(
            """
            cd '\(target.path)' && cpio -id --quiet < archive && cat 'root\(directory.path)/usr/alias' &&
            stat -c %a 'root\(directory.path)/bin/tool'
            """)
        #expect(unpacked == (0, "the tool750\n"))
        #expect(target.read("root\(directory.path)/bin/own") == "own")
    }
}
