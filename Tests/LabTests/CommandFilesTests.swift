import LinuxSystem
import Testing
import TestSupport

@testable import Lab

struct CommandFilesTests {
    private func tree(
        _ command: [String], in directory: Host.Directory, _ change: (inout LabConfiguration) -> Void = { _ in }
    ) throws(LabError) -> PackedTree {
        var configuration = LabConfiguration(command: command, currentDirectory: directory.path)
        configuration.environment = ["PATH=\(directory.path)/bin:/usr/bin:/bin"]
        change(&configuration)
        return try CommandFiles(of: configuration, busybox: Array("busybox".utf8), applets: ["sh", "uname", "tool"])
            .tree
    }

    private func refusal(_ command: [String], _ change: (inout LabConfiguration) -> Void = { _ in }) throws -> String {
        let directory = try Host.Directory()
        do throws(LabError) {
            _ = try tree(command, in: directory, change)
            return ""
        } catch {
            #expect(error.exitStatus == 64, "\(error)")
            return "\(error)"
        }
    }

    /// The node a path leads to by way of the tree's own links.
    private func find(_ path: String, in tree: PackedTree) throws -> PackedTree.Node? {
        var resolved = PackedTree()
        return tree.nodes[try resolved.add(path)]
    }

    @Test("the command is found by PATH and packed with its libraries")
    func commandByPath() throws {
        let tree = try tree(["ls"], in: Host.Directory())
        guard case .file(let permissions, _) = try find("/bin/ls", in: tree) else {
            Issue.record("there is no ls")
            return
        }
        #expect(permissions & 0o111 != 0)
        #expect(tree.nodes.keys.contains { $0.hasSuffix("/libc.so.6") })
        #expect(try find("/lib64/ld-linux-x86-64.so.2", in: tree) != nil)
    }

    @Test("files named by words of the arguments are packed")
    func argumentFiles() throws {
        let directory = try Host.Directory()
        for name in ["script", "guest.elf", "given", "quoted", "other"] {
            try directory.write(name, "#!/usr/bin/env cat\n")
        }
        let tree = try tree(
            ["sh", "-c", "./script 'quoted';cat<given; x --kernel=guest.elf /proc/version /dev/null"], in: directory)
        let packed = tree.nodes.keys.filter { $0.hasPrefix("\(directory.path)/") }.map {
            String($0.dropFirst(directory.path.count + 1))
        }
        #expect(packed.sorted() == ["given", "guest.elf", "quoted", "script"])
        #expect(!tree.nodes.keys.contains { $0.hasPrefix("/proc") || $0.hasPrefix("/dev") })
        // What the script's first line names.
        #expect(try find("/usr/bin/env", in: tree) != nil)
        #expect(try find("/bin/cat", in: tree) != .link(target: "busybox"))
    }

    @Test func busyboxStandsForAllElse() throws {
        let directory = try Host.Directory()
        try directory.write("bin/tool", "#!/bin/sh\n")
        _ = try Host.run("chmod 755 '\(directory.path)/bin/tool'")
        let tree = try tree(["tool"], in: directory) { $0.anchor = ["/bin/ls", "lab-anchor"] }
        var bin = PackedTree()
        let place = try bin.add("/bin")
        #expect(tree.nodes["\(place)/busybox"] == .contents(Array("busybox".utf8), permissions: 0o755))
        #expect(tree.nodes["\(place)/uname"] == .link(target: "busybox"))
        #expect(tree.nodes["\(place)/swiftlet"] == .link(target: "/bin/ls"))
        // The script's interpreter is this machine's.
        #expect(tree.nodes["\(place)/sh"] != .link(target: "busybox"))
        #expect(tree.nodes["\(directory.path)/bin/tool"] == .file(permissions: 0o755, size: 10))
    }

    @Test func filesAskedForArePackedDirectoriesWhole() throws {
        let directory = try Host.Directory()
        try directory.write("more/a/b", "b")
        try directory.write("one", "1")
        let tree = try tree(["uname"], in: directory) { $0.files = ["one", "\(directory.path)/more"] }
        #expect(tree.nodes["\(directory.path)/one"] == .file(permissions: 0o644, size: 1))
        #expect(tree.nodes["\(directory.path)/more/a/b"] == .file(permissions: 0o644, size: 1))
    }

    @Test func whatIsNotThereIsSaid() throws {
        #expect(
            try refusal(["uname"]) { $0.files = ["no/such"] } == "--file no/such: there is no such file or directory")
        #expect(
            try refusal(["uname"]) { $0.files = ["/proc/version"] }
                == "--file /proc/version can't be packed: the lab has a /proc of its own")
        #expect(try refusal(["no-such-program"]) == "no-such-program is not found in PATH, so it can't be packed")
        #expect(try refusal(["./no-such"]).hasSuffix("/./no-such is not there, so it can't be packed"))
        #expect(try refusal(["swiftlet", "devices"]) == "")
    }

    @Test func theListOfLibrariesIsRead() {
        let list = """
            \tlinux-vdso.so.1 (0x00007ffe3a9f2000)
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f5b0a400000)
            \tlibnone.so => not found
            \t/opt/a b/libx.so (0x00007f5b0a300000)
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f5b0a6f1000)

            """
        #expect(
            SharedLibraries.paths(inList: list) == [
                "/lib/x86_64-linux-gnu/libc.so.6", "/opt/a b/libx.so", "/lib64/ld-linux-x86-64.so.2",
            ])
    }
}
