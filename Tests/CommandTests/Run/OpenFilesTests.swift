import Glibc
import TestSupport
import Testing

/// A run opens everything before the guest's first instruction: docs/architecture.md. Tests/Faults/opens.c watches.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct OpenFilesTests {
    private let directory: TemporaryDirectory
    private let opens: String

    init() throws {
        directory = try TemporaryDirectory()
        opens = "\(directory.path)/opens"
        let source = "\(TestKernel.root)/Tests/Faults/opens.c"
        let flags = ["-O1", "-Wall", "-Wextra", "-Werror"]
        let compiled = try SwiftletProcess(flags + ["-o", opens, source], program: "/usr/bin/cc").wait()
        try #require(compiled.status == 0, "\(compiled.errors)")
    }

    /// What was opened from the first guest instruction on, and how many machines there were.
    private func run(_ words: [String], output: Int32? = nil, errors: Int32? = nil) throws -> (
        ended: SwiftletProcess.Ended, opened: [String], machines: Int
    ) {
        let log = "\(directory.path)/log"
        let ended = try SwiftletProcess(
            [log, SwiftletProcess.path, "run"] + words, program: opens, output: output, errors: errors
        ).wait()
        let lines = String(decoding: try readFile(log), as: UTF8.self).split(separator: "\n").map(String.init)
        let counts = try #require(lines.last?.wholeMatch(of: /before ([0-9]+) machines ([0-9]+)/), "\(ended.errors)")
        // The kernel at the least, and /dev/kvm.
        #expect(Int(counts.1) ?? 0 >= 2)
        return (ended, lines.dropLast(), Int(counts.2) ?? 0)
    }

    /// Every option that names a file.
    private func files() throws -> [String] {
        let initrd = try directory.file("initrd", Array("words".utf8))
        return [
            "--initrd", initrd, "--module", "\(initrd) words", "--symbols", try TestKernel.built("ends.elf"),
            "--report", "json:\(directory.path)/r.json", "--report", "junit:\(directory.path)/r.xml",
            "--record", "\(directory.path)/record", "--trace", "\(directory.path)/trace",
            "--console", "file:\(directory.path)/console",
        ]
    }

    @Test func aRunThatPassesOpensNothingLater() throws {
        let run = try run([TestKernel.built("hello.elf"), "--cpus", "2"] + files())
        #expect(run.ended.status == 0, "\(run.ended.errors)")
        #expect(run.opened == [])
    }

    @Test(arguments: [("panic", 101), ("hang", 124), ("triplefault", 102)])
    func noPostMortemOpensAnything(_ end: String, status: Int32) throws {
        let kernel = try TestKernel.built("ends.elf")
        for options in [["--post-mortem", "full"], try files()] {
            let run = try run([kernel, "--append", "end=\(end)", "--timeout", "20s"] + options)
            #expect(run.ended.status == status, "\(run.ended.errors)")
            #expect(run.ended.errors.contains("guest_main+0x"))
            #expect(run.opened == [])
        }
    }

    /// With pipes for its streams, for which a run opens more than for files; its last sentence, too, is the timeout's.
    @Test func aTimeLimitOpensNothing() throws {
        let output = try Pipe()
        let errors = try Pipe()
        let run = try run(
            [TestKernel.built("spins.elf"), "--timeout", "300ms", "--symbols", TestKernel.built("spins.elf")],
            output: output.input, errors: errors.input)
        #expect(run.ended.status == 124)
        #expect(run.opened == [])
    }

    /// The kernel's bytes come from what is open, compressed ones too.
    @Test(arguments: [false, true])
    func aMachineThatStartsAgainOpensNothing(isCompressed: Bool) throws {
        let kernel = "\(directory.path)/ends"
        let source = try TestKernel.built("ends.elf")
        let make = "gzip -c '\(source)' > '\(kernel).gz'; cp '\(source)' '\(kernel)'"
        #expect(try SwiftletProcess(["-c", make], program: "/bin/sh").wait().status == 0)
        let words = [
            isCompressed ? "\(kernel).gz" : kernel, "--append", "end=reset", "--on-reset", "reboot", "--timeout", "1s",
            "--initrd", try directory.file("initrd", Array("words".utf8)), "--report", "json:\(directory.path)/r.json",
        ]
        let console = try Pipe()
        let run = try run(words, output: console.input)
        #expect(run.ended.status == 124, "\(run.ended.errors)")
        #expect(run.machines > 1)
        #expect(run.opened == [])
    }
}
