import Bytes
import TestSupport
import Testing

/// Files that are pipes, and names and arguments that are no UTF-8.
@Suite struct InputFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a line of bash in the directory; `$S` is the program, `$G` where the test kernels are.
    private func bash(_ line: String) throws -> SwiftletProcess.Ended {
        let guests = "\(TestKernel.root)/guests/build"
        return try SwiftletProcess(
            ["-c", "cd '\(directory.path)' && S='\(SwiftletProcess.path)' G='\(guests)' && \(line)"],
            program: "/bin/bash"
        ).wait()
    }

    @Test(
        arguments: [
            "$S run <(cat $G/hello.elf) --append exit=5", "cat $G/hello.elf | $S run /dev/stdin --append exit=5",
            "mkfifo f && { cat $G/hello.elf > f & } && $S run f --append exit=5",
            "$S run $G/hello.elf --append exit=5 --initrd <(echo module) --symbols <(cat $G/hello.elf)",
        ])
    func aPipeIsReadWhole(line: String) throws {
        let ended = try bash(line)
        #expect(
            ended.status == 5,
            "\(ended.errors)")
        #expect(
            ended.lastLine == "swiftlet: failed: the guest wrote 5 to the exit port",
            "\(ended.errors)")
    }

    /// Files of /proc say that they are empty, and are not.
    @Test func aFileOfUnknownSizeIsReadWhole() throws {
        let ended = try bash("$S run $G/modules.elf --initrd /proc/version && cat /proc/version > v")
        let size = try directory.contents("v").count
        #expect(
            ended.status == 0,
            "\(ended.output)\(ended.errors)")
        #expect(
            ended.output.contains(" \(size) bytes: Linux version"),
            "\(ended.output)\(ended.errors)")
    }

    /// A machine that starts again has its kernel still.
    @Test func aKernelFromAPipeStartsAgain() throws {
        let ended = try bash(
            "$S run <(cat $G/ends.elf) --append end=reset --on-reset reboot --timeout 700ms --report json:r")
        let report = try WrittenReport(directory.contents("r"))
        #expect(ended.status == 124, "\(ended.errors)")
        #expect(report.outcome == "timeout", "\(ended.errors)")
        #expect(report.reboots >= 2, "\(ended.errors)")
    }

    /// The post-mortem finds the names of a kernel that came through a pipe, and those of a file of names.
    @Test(arguments: ["<(cat $G/ends.elf)", "$G/ends.elf --symbols <(cat $G/ends.elf)"])
    func itsNamesAreFound(words: String) throws {
        let ended = try bash("$S run \(words) --append end=reset")
        #expect(ended.status == 103, "\(ended.errors)")
        #expect(ended.errors.contains("(end_by_reset+0x"), "\(ended.errors)")
    }

    /// Names and the command line are bytes: what is no UTF-8 gets through, also what would stand for such a byte.
    @Test func bytesGetThrough() throws {
        let ended = try bash(
            #"""
            cp $G/hello.elf $'k\xe4.elf' && echo x > $'i\xfe' && $S run $'k\xe4.elf' \
                --append $'exit=5 x=\xff\xf4\x8f\xba\x80\xc3\xa4' \
                --initrd $'i\xfe' --console $'file:c\xe4' --report $'json:r\xe4'
            """#)
        #expect(ended.status == 5, "\(ended.errors)")
        let bytes: [UInt8] = [0x78, 0x3D, 0xFF, 0xF4, 0x8F, 0xBA, 0x80, 0xC3, 0xA4, 0x22]
        let console = try directory.contents(ByteText.text([0x63, 0xE4]))
        #expect(console.indices.contains { console[$0...].starts(with: bytes) })
        #expect(try WrittenReport(directory.contents(ByteText.text([0x72, 0xE4]))).kernel == "k\\xe4.elf")
        // The parser's way gives the same, and a name is shown.
        let missing = try bash(#"$S run -m 64M $'n\xe4.elf'"#)
        #expect(missing.status == 66, "\(missing.errors)")
        #expect(missing.lastLine.contains("n\\xe4.elf"), "\(missing.errors)")
    }
}
