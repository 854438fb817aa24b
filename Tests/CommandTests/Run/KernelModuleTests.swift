import TestSupport
import Testing

/// What kernels find of the files they are handed, as guests/modules saw it.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct KernelModuleTests {
    private let directory: TemporaryDirectory
    private let files: [String]

    init() throws {
        let directory = try TemporaryDirectory()
        files = try ["one\n", "two\nmore", ""].enumerated().map { number, text in
            try directory.file("\(number).txt", Array(text.utf8))
        }
        self.directory = directory
    }

    private func lines(_ kernel: String, _ arguments: [String]) throws -> [Substring] {
        let ended = try SwiftletProcess(["run", TestKernel.built(kernel)] + arguments).wait(within: 60)
        #expect(ended.status == 0, "\(ended.errors)")
        return ended.output.split(whereSeparator: \.isNewline)
    }

    /// The initrds first, then the modules, each in its order and with its own words.
    @Test(arguments: ["modules32.elf", "modules32.elf.gz"])
    func multiboot(kernel: String) throws {
        let words = ["--module", "\(files[1])  a=b  c", "--initrd", files[0], "--module", files[2], "--append", "x"]
        #expect(
            try lines(kernel, words) == [
                "modules: cmdline \"\(TestKernel.built(kernel)) x\"",
                "modules: 0 \"\(files[0])\" 4 bytes: one",
                "modules: 1 \"\(files[1]) a=b  c\" 8 bytes: two",
                "modules: 2 \"\(files[2])\" 0 bytes: ", "modules: 3 in all",
            ])
    }

    @Test func pvh() throws {
        #expect(
            try lines("modules.elf", ["--initrd", files[0], "--module", "\(files[1]) a"]) == [
                "modules: cmdline \"\"", "modules: 0 \"\" 4 bytes: one", "modules: 1 \"a\" 8 bytes: two",
                "modules: 2 in all",
            ])
    }

    @Test func theyAreMissedByName() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("modules32.elf"), "--module", "\(directory.path)/none x y")
        #expect(ended.status == 66, "\(ended.errors)")
        #expect(ended.lastLine.contains("\(directory.path)/none: "), "\(ended.errors)")
    }

    @Test func aDamagedCompressedKernelIsRefused() throws {
        var bytes = Array(try readFile(TestKernel.built("modules32.elf.gz")))
        bytes[bytes.count / 2] ^= 0x10
        let ended = try SwiftletProcess.run("run", directory.file("damaged.gz", bytes))
        #expect(
            ended.status == 65,
            "\(ended.errors)")
        #expect(
            ended.lastLine.contains("is gzip-compressed and can't be decompressed: "),
            "\(ended.errors)")
    }
}
