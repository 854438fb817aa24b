import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Runs whose output finds no room.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct LostOutputTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// ulimit -f: the kernel sends SIGXFSZ, whose default action ends a process without a word.
    @Test(arguments: [
        (["--console", "file:DIR/out"], "bytes of the console could not be written"),
        (["--trace", "DIR/out"], "part of the trace could not be written"),
        (["--record", "DIR/out"], "DIR/out"),
        (["--console", "none", "--report", "json:DIR/out"], "the report can't be written to DIR/out"),
    ])
    func aLimitOnFileSizeIsAFullDisk(options: [String], sentence: String) throws {
        let words = options.map { $0.replacing("DIR", with: directory.path) }
        let process = try SwiftletProcess(
            ["run", TestKernel.built("floods.elf"), "--append", "lines=60", "--console", "none"].dropLast(
                options.contains("--console") ? 2 : 0) + words,
            program: "/bin/sh", leading: ["-c", "ulimit -f 8; exec \"$@\"", "sh", SwiftletProcess.path])
        let ended = try process.wait()
        #expect(ended.status == 73, "\(ended.errors)")
        #expect(ended.lastLine.contains(sentence.replacing("DIR", with: directory.path)), "\(ended.errors)")
    }
}
