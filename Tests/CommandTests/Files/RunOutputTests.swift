import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Where a run's console and report go.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct RunOutputTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Says `count` letters and exits with 0.
    private func talks(_ count: UInt16) throws -> String {
        // mov dx, 0x3f8; mov cx, count; mov al, 'A'; l: out dx, al; loop l; mov al, 0; out 0xf4, al; hlt
        let code: [UInt8] = [
            0xBA, 0xF8, 0x03, 0xB9, UInt8(count & 0xFF), UInt8(count >> 8), 0xB0, 0x41, 0xEE, 0xE2, 0xFD, 0xB0, 0x00,
            0xE6, 0xF4, 0xF4,
        ]
        return try directory.file("talks.bin", code)
    }

    @Test func whatIsPipedInIsTyped() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("echo.elf"), "--timeout", "60s", input: "swift\nlet\nquit\n")
        #expect(ended.status == 0)
        #expect(ended.output.contains("SWIFT"))
        #expect(ended.output.contains("LET"))
    }

    /// A file can't be waited for as a pipe can. As much as the guest's own buffer holds.
    @Test func aFileIsTypedWhole() throws {
        let lines = (0..<50).map { "line number \($0)" }
        let file = try directory.file("input", Array((lines + ["quit", ""]).joined(separator: "\n").utf8))
        let input = try Descriptor(opening: file, flags: O_RDONLY)
        let ended = try SwiftletProcess(["run", TestKernel.built("echo.elf"), "--timeout", "60s"], input: input.raw)
            .wait()
        #expect(ended.status == 0, "\(ended.errors)")
        let said = ended.output.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("LINE") }
        #expect(said.map(String.init) == lines.map { $0.uppercased() })
    }

    @Test func aLongConsoleArrivesWhole() throws {
        let ended = try SwiftletProcess.run("run", talks(60_000), "--memory", "1M")
        #expect(ended.status == 0)
        #expect(ended.output == String(repeating: "A", count: 60_000))
    }

    @Test func aConsoleFileHoldsTheConsoleAlone() throws {
        let file = try directory.file("console", Array("what was there before".utf8))
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("hello.elf"), "--append", "exit=3", "--console", "file:\(file)")
        #expect(ended.status == 3)
        #expect(ended.output.isEmpty)
        let console = String(decoding: try readFile(file), as: UTF8.self)
        #expect(console.hasPrefix("hello: cpu 0"))
        #expect(!console.contains("before"))
        #expect(ended.errors.contains("console: hello: cpu 0"), "its tail is shown, since nobody saw it")
    }

    @Test func noConsoleIsSilent() throws {
        let ended = try SwiftletProcess.run("run", TestKernel.built("hello.elf"), "--console", "none")
        #expect(ended.status == 0)
        #expect(ended.output.isEmpty)
        #expect(ended.errors.split(separator: "\n").count == 1)
    }

    @Test func theReportHasItsKeys() throws {
        let report = "\(directory.path)/report.json"
        let kernel = try TestKernel.built("hello.elf")
        let ended = try SwiftletProcess.run("run", kernel, "--append", "exit=5", "--report", "json:\(report)")
        let written = try WrittenReport(readFile(report))
        #expect(written.format == 1)
        #expect(written.kernel == kernel)
        #expect(written.outcome == "failed")
        #expect(written.exitStatus == 5)
        #expect("swiftlet: \(written.message)" == ended.lastLine)
        #expect(written.durationSeconds > 0)
        #expect(written.durationSeconds < 60)
        #expect((written.exits["port_out"] ?? 0) > 10)
        #expect(written.exits["internal_error"] == nil)
        #expect(written.registers.isEmpty)
        #expect(written.devices.isEmpty)
        #expect(written.consoleTail == ended.output)
    }

    @Test func aReportMayGoToAPipe() throws {
        let pipe = try Pipe()
        let process = try SwiftletProcess(
            ["run", TestKernel.built("hello.elf"), "--console", "none", "--report", "json:/dev/stdout"],
            output: pipe.input)
        #expect(try process.wait().status == 0)
        #expect(try WrittenReport(pipe.readAvailable()).outcome == "passed")
    }

    /// Each of several reports is written, though another can't be.
    @Test func severalReportsAreWritten() throws {
        let directory = try TemporaryDirectory()
        let reports = ["json:\(directory.path)/json", "json:/dev/full", "tap:\(directory.path)/tap"].flatMap {
            ["--report", $0]
        }
        let ended = try SwiftletProcess(
            ["run", TestKernel.built("hello.elf"), "--append", "exit=5", "--append", "x"] + reports
        ).wait()
        #expect(ended.status == 73)
        #expect(ended.lastLine == "swiftlet: the report can't be written to /dev/full: No space left on device")
        #expect(try WrittenReport(directory.contents("json")).exitStatus == 5)
        #expect(String(decoding: try directory.contents("tap"), as: UTF8.self).contains("not ok 1"))
        // One that can't be made keeps the run from starting, which the others say.
        let unmade = try SwiftletProcess(
            ["run", TestKernel.built("hello.elf")] + reports + ["--report", "tap:/nonexistent/tap"]
        ).wait()
        #expect(unmade.status == 73)
        #expect(try WrittenReport(directory.contents("json")).outcome == "not-started")
        let same = try SwiftletProcess([
            "run", TestKernel.built("hello.elf"), "--report", "json:/x", "--report", "tap:/x",
        ]).wait()
        #expect(same.status == 64)
        #expect(same.errors.contains("two reports can't go to one file: /x"))
    }

    /// A full disk takes the report, not what became of the guest.
    @Test("a report that can't be written does not change the verdict")
    func unwritableReport() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("hello.elf"), "--append", "exit=5", "--report", "json:/dev/full")
        #expect(ended.status == 73)
        #expect(ended.lastLine == "swiftlet: the report can't be written to /dev/full: No space left on device")
        #expect(ended.errors.contains("failed: the guest wrote 5"))
        let missing = try SwiftletProcess.run("run", "/nonexistent.elf", "--report", "json:/dev/full")
        #expect(missing.status == 66)
        #expect(missing.lastLine.contains("/nonexistent.elf: there is no such file"))
    }

    /// With standard streams closed, the files that are opened next must not take their numbers: the console would be
    /// written into them. What the guest printed is lost, which is told; `--console none` is the way not to see it.
    @Test func closedStreamsSpoilNoFile() throws {
        let report = "\(directory.path)/report.json"
        let kernel = try talks(20_000)
        let shell = "exec \"$0\" \"$@\" <&- >&-"
        let arguments = ["run", kernel, "--memory", "1M", "--report", "json:\(report)"]
        let process = try SwiftletProcess(arguments, program: "/bin/sh", leading: ["-c", shell, SwiftletProcess.path])
        let ended = try process.wait()
        #expect(
            ended.status == 73,
            "\(ended.errors)")
        #expect(
            ended.lastLine.hasSuffix("bytes of the console could not be written"),
            "\(ended.errors)")
        #expect(try WrittenReport(readFile(report)).outcome == "passed")
        let quiet = try SwiftletProcess(
            arguments + ["--console", "none"], program: "/bin/sh", leading: ["-c", shell, SwiftletProcess.path])
        #expect(try quiet.wait().status == 0)
    }
}
