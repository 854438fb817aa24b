import FoundationXML
import Glibc
import LinuxSystem
import TestSupport
import Testing

import struct Foundation.Data

/// What can't be written is said and never ends in 0, and what is written belongs to its boot alone.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SuiteOutputTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file("ends.elf", readFile(TestKernel.built("ends.elf")))
        _ = try directory.file("hello.elf", readFile(TestKernel.built("hello32.elf")))
    }

    private static let passes = "[[boot]]\nname = 'a'\nkernel = 'hello.elf'\n"

    private func run(_ suite: String, _ options: String..., shell: String = "", redirection: String = "") throws
        -> SwiftletProcess.Ended
    {
        let file = try directory.file("boots.toml", Array(suite.utf8))
        return try SwiftletProcess(
            ["-c", "\(shell) exec \"$0\" \"$@\" \(redirection)", SwiftletProcess.path, "suite", file] + options,
            program: "/bin/sh"
        ).wait(within: 60)
    }

    @Test func linesThatCantBeWrittenAreNoSuccess() throws {
        for (redirection, reason) in [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")] {
            let passed = try run(Self.passes, redirection: redirection)
            #expect(
                passed.status == 73,
                "\(passed.errors)")
            #expect(
                passed.errors
                    == "swiftlet suite: standard output can't be written: \(reason); some lines are missing\n",
                "\(passed.errors)")
        }
        let failed = try run(
            Self.passes + "[[boot]]\nname = 'b'\nkernel = 'ends.elf'\nappend = 'value=9'\n", redirection: ">/dev/full")
        #expect(failed.status == 1)
        #expect(failed.lastLine.contains("No space left on device"))
        let list = try run(Self.passes, "--list", redirection: ">/dev/full")
        #expect(list.status == 73)
        #expect(list.lastLine.contains("No space left on device"))
        for (option, value) in [("--report", "junit:\(path)/r"), ("--logs", path)] {
            let listed = try run(Self.passes, "--list", option, value)
            #expect(listed.status == 64)
            #expect(listed.lastLine.contains("--list runs nothing, so that \(option) would stay empty"))
        }
        let clash = try run(Self.passes, "--report", "junit:\(path)/r", "--report", "tap:\(path)/r")
        #expect(clash.status == 64, "\(clash.errors)")
        #expect(clash.errors.contains("two reports can't go to one file: \(path)/r"), "\(clash.errors)")
        #expect(access("\(path)/r", F_OK) != 0, "\(clash.errors)")
        let report = try run(Self.passes, "--report", "jsonl:/dev/full")
        #expect(report.status == 73, "\(report.errors)")
        #expect(report.lastLine.contains("/dev/full: No space left on device"), "\(report.errors)")
    }

    /// As --logs does: nothing is run whose report would be lost.
    @Test("a boot's report and trace are checked before the first boot")
    func outputsAreChecked() throws {
        try #require(mkdir("\(path)/there", 0o755) == 0)
        let old = try directory.file("old.json", Array("an old report".utf8))
        let first = "[[boot]]\nname = 'first'\nkernel = 'hello.elf'\nreport = 'json:old.json'\n"
        let second = "[[boot]]\nname = 'second'\nkernel = 'hello.elf'\n"
        for (key, file, reason) in [
            ("report = 'json:none/{boot}.json'", "none/second.json", "No such file or directory"),
            ("trace = 'none/t'", "none/t", "No such file or directory"),
            ("trace = 'there'", "there", "Is a directory"),
            ("report = ['tap:ok', 'junit:there']", "there", "Is a directory"),
        ] {
            let ended = try run(first + second + key + "\n")
            let what = key.prefix { $0 != " " }
            #expect(ended.status == 73, "\(ended.output)\(ended.errors)")
            #expect(ended.output.isEmpty, "\(ended.output)\(ended.errors)")
            #expect(
                ended.lastLine
                    == "swiftlet suite: the \(what) of second can't be written to \(path)/\(file): \(reason)",
                "\(ended.errors)")
        }
        #expect(try readFile(old).isEmpty, "an old one is not taken for this suite's")
        let skipped = try run(first + second + "trace = 'there'\nskip = 'not here'\n")
        #expect(skipped.status == 0, "what is not run writes nothing: \(skipped.errors)")
        #expect(try !readFile(old).isEmpty)
    }

    /// One rule for runs and suites: a pipe or device takes one report, by whatever names; /dev/null any number.
    @Test func twoReportsNeverMixInOneDevice() throws {
        for (one, two) in [
            ("/dev/stdout", "/dev/stdout"), ("/dev/stdout", "/dev/fd/1"), ("/dev/full", "/dev/full"),
            ("\(path)/new", "\(path)/new"),
        ] {
            let sentence = "two reports can't go to one file: \(two)"
            let suite = try run(Self.passes, "--report", "junit:\(one)", "--report", "tap:\(two)")
            #expect(suite.status == 64, "\(suite.errors)")
            #expect(suite.lastLine.contains(sentence), "\(suite.errors)")
            let run = try SwiftletProcess.run(
                "run", "\(path)/hello.elf", "--console", "none", "--report", "junit:\(one)", "--report", "tap:\(two)")
            #expect(run.status == 64, "\(run.errors)")
            #expect(run.lastLine.contains(sentence), "\(run.errors)")
        }
        let nothing = try run(Self.passes, "--report", "junit:/dev/null", "--report", "tap:/dev/null")
        #expect(nothing.status == 0, "\(nothing.errors)")
        let run = try SwiftletProcess.run(
            "run", "\(path)/hello.elf", "--console", "none", "--report", "junit:/dev/null", "--report", "tap:/dev/null")
        #expect(run.status == 0, "\(run.errors)")
    }

    /// A stream that somebody else made non-blocking, as some CI systems' runners do.
    @Test("a slow reader of a non-blocking stream loses nothing")
    func slowReader() throws {
        let names = (0..<9000).map { "boot-\($0)" }
        let list = names.map { "'\($0)'" }.joined(separator: ",")
        let file = try directory.file(
            "boots.toml", Array("[[boot]]\nname = 'm'\nkernel = 'hello.elf'\nmatrix.append = [\(list)]\n".utf8))
        let pipe = try Pipe()
        _ = fcntl(pipe.input, F_SETFL, O_NONBLOCK)
        let process = try SwiftletProcess(["suite", file, "--list"], output: pipe.input)
        usleep(300_000)
        var bytes: [UInt8] = []
        #expect(
            eventually(within: 30) {
                bytes += pipe.readAvailable()
                return bytes.count { $0 == 10 } == names.count
            })
        #expect(try process.wait().status == 0)
        #expect(String(decoding: bytes, as: UTF8.self) == names.map { "m[append=\($0)]\n" }.joined())
    }

    @Test(arguments: [
        ["--help"], ["run", "--help"], ["help", "suite"], ["devices"], ["--generate-completion-script", "bash"],
        ["suite", "--help"],
    ])
    func whatIsPrintedToAFullDiskIsNoSuccess(_ arguments: [String]) throws {
        #expect(try SwiftletProcess(arguments).wait().status == 0)
        let full = try Descriptor(opening: "/dev/full", flags: O_WRONLY)
        let ended = try SwiftletProcess(arguments, output: full.raw).wait()
        #expect(
            ended.status == 73,
            "\(ended.status) \(ended.errors)")
        #expect(
            ended.lastLine.hasPrefix("swiftlet: standard output can't be written"),
            "\(ended.status) \(ended.errors)")
    }

    @Test func aSentenceThatCantBeWrittenIsNoSuccess() throws {
        let full = try Descriptor(opening: "/dev/full", flags: O_WRONLY)
        #expect(try SwiftletProcess(["run", "\(path)/hello.elf"], errors: full.raw).wait().status == 73)
        #expect(
            try SwiftletProcess(["run", "\(path)/ends.elf", "--append", "value=9"], errors: full.raw).wait().status == 9
        )
        #expect(try SwiftletProcess(["run", "\(path)/none.elf"], errors: full.raw).wait().status == 66)
    }

    @Test("logs that can't be written are reported before the first boot")
    func unwritableLogs() throws {
        _ = try directory.file("file", [])
        mkdir("\(path)/logs", 0o755)
        mkdir("\(path)/logs/b_1.log", 0o755)
        mkfifo("\(path)/logs/c.log", 0o644)
        let suite =
            Self.passes + "[[boot]]\nname = 'b:1'\nkernel = 'hello.elf'\n[[boot]]\nname = 'c'\nkernel = 'hello.elf'\n"
        for (options, words) in [
            (["--logs", "\(path)/file"], "\(path)/file: Not a directory"),
            (["--logs", "/proc/none"], "/proc/none: No such file"),
            (["--logs", "\(path)/logs", "--only", "b:1"], "\(path)/logs/b_1.log: Is a directory"),
            (["--logs", "\(path)/logs", "--only", "c"], "\(path)/logs/c.log: File exists"),
        ] {
            let file = try directory.file("boots.toml", Array(suite.utf8))
            let ended = try SwiftletProcess(["suite", file] + options).wait()
            #expect(
                ended.status == 73,
                "\(ended.output) \(ended.errors)")
            #expect(
                ended.output.isEmpty,
                "\(ended.output) \(ended.errors)")
            #expect(
                ended.lastLine.contains("can't be kept in \(words)"),
                "\(ended.output) \(ended.errors)")
        }
        // An old log is not left to be taken for a new one.
        _ = try directory.file("logs/d.log", Array("old".utf8))
        let never =
            """
            [[boot]]\nname = 'bad'\nkernel = 'ends.elf'\nappend = 'value=9'\n[[boot]]\nname = 'd'\nkernel = \
            'hello.elf'\n
            """
        let cut = try run(never, "--fail-fast", "--logs", "\(path)/logs")
        #expect(cut.status == 1, "\(cut.output)")
        #expect(cut.output.contains("SKIP d"), "\(cut.output)")
        #expect(try directory.contents("logs/d.log").isEmpty)
        let fine = try run(suite, "--logs", "\(path)/logs", "--only", "a")
        #expect(fine.status == 0)
        let left = try #require(names("logs"))
        #expect(Set(left) == ["a.log", "b_1.log", "bad.log", "c.log", "d.log"])
    }

    private func names(_ folder: String) -> [String]? {
        guard let listing = opendir("\(path)/\(folder)") else { return nil }
        defer { closedir(listing) }
        var found: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { found.append(name) }
        }
        return found
    }

    private static let canMount: Bool = {
        let ended = try? SwiftletProcess(
            ["-c", "unshare -m sh -c 'mount -t tmpfs none /mnt' 2>/dev/null"], program: "/bin/sh"
        ).wait()
        return ended?.status == 0
    }()

    @Test(.enabled(if: canMount, "the host lacks mount namespaces for this user"))
    func aFullFileSystemOfLogsIsNoSuccess() throws {
        mkdir("\(path)/logs", 0o755)
        _ = try directory.file("floods.elf", readFile(TestKernel.built("floods.elf")))
        let flood = "[[boot]]\nname = 'a'\nkernel = 'floods.elf'\nexpect = 'line 900 '\n"
        func suite(_ suite: String, _ before: String, size: String) throws -> SwiftletProcess.Ended {
            let file = try directory.file("boots.toml", Array(suite.utf8))
            let script =
                """
                mount -t tmpfs -o size=\(size) none \(path)/logs && \(before) exec \"$0\" suite \(file) --logs \
                \(path)/logs
                """
            return try SwiftletProcess(["-m", "sh", "-c", script, SwiftletProcess.path], program: "/usr/bin/unshare")
                .wait(within: 60)
        }
        let full = try suite(Self.passes, "{ cat /dev/zero > \(path)/logs/zero 2>/dev/null; true; } &&", size: "16k")
        #expect(
            full.status == 73,
            "\(full.errors)")
        #expect(
            full.output.isEmpty,
            "\(full.errors)")
        #expect(
            full.lastLine.contains("\(path)/logs: No space left on device"),
            "\(full.errors)")
        let later = try suite(flood, "", size: "12k")
        #expect(later.suiteLines.first == "PASS a", "\(later.output)")
        #expect(later.status == 73, "\(later.output)")
        #expect(
            later.lastLine == "swiftlet suite: the logs of 1 test lack bytes, as a's: where they go is full, or failed")
    }

    /// Names that one file name would do for, and names that no file may have.
    @Test func eachBootHasALogOfItsOwn() throws {
        let names = ["x/y", "x:y", "X_Y", "..", "n[k=v]"]
        let suite = names.map { "[[boot]]\nname = '\($0)'\nkernel = 'ends.elf'\nappend = 'value=9 \($0)'\n" }.joined()
        let ended = try run(suite, "--jobs", "2", "--logs", "\(path)/logs", "--report", "junit:\(path)/j.xml")
        #expect(ended.status == 1)
        let logs = try #require(self.names("logs"))
        #expect(Set(logs) == ["x_y.log", "x_y~2.log", "X_Y~3.log", "_.log", "n_k_v_.log"])
        let document = try XMLDocument(data: Data(try directory.contents("j.xml")))
        for (name, file) in zip(names, ["x_y", "x_y~2", "X_Y~3", "_", "n_k_v_"]) {
            #expect(ended.output.contains("#   log: \(path)/logs/\(file).log\n"))
            let output = try document.nodes(forXPath: "//testcase[@name='\(name)']/system-out").first?.stringValue ?? ""
            #expect(output.hasPrefix("[[ATTACHMENT|\(path)/logs/\(file).log]]\n"), "\(output)")
        }
        // The same whatever is chosen.
        let one = try run(suite, "--only", "X_Y", "--logs", "\(path)/logs")
        #expect(one.output.contains("#   log: \(path)/logs/X_Y~3.log\n"))
    }

    @Test func gitHubsPageGetsASummary() throws {
        let file = try directory.file("summary.md", Array("before\n".utf8))
        let suite = Self.passes + "[[boot]]\nname = '<b>|@c'\nkernel = 'ends.elf'\nappend = 'value=9'\n"
        let ended = try run(suite, shell: "export GITHUB_STEP_SUMMARY=\(file);")
        let text = String(decoding: try directory.contents("summary.md"), as: UTF8.self)
        #expect(
            ended.status == 1,
            "\(text)")
        #expect(
            text.hasPrefix("before\n### boots\n\nSUMMARY\\: 2 tests\\, 1 passed\\, 1 failed\\, 0 skipped\n"),
            "\(text)")
        #expect(
            text.contains("\n| failed | &lt;b&gt;\\|&#64;c | failed\\: the guest wrote 9 to the exit port | "),
            "\(text)")
        let missing = try run(Self.passes, shell: "export GITHUB_STEP_SUMMARY=/dev/null/x;")
        #expect(missing.status == 73)
        #expect(
            missing.lastLine.contains(
                "GITHUB_STEP_SUMMARY names /dev/null/x, which can't be written: Not a directory"))
    }
}
