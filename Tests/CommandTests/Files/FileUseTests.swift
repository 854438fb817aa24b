import Glibc
import TestSupport
import Testing

/// An output never destroys an input, and no two outputs mix in one file.
@Suite struct FileUseTests {
    let directory: TemporaryDirectory
    private var path: String { directory.path }
    private let kernel: [UInt8]

    init() throws {
        directory = try TemporaryDirectory()
        kernel = try readFile(TestKernel.built("hello.elf"))
        _ = try directory.file("k.elf", kernel)
        symlink("k.elf", "\(directory.path)/link.elf")
        link("\(directory.path)/k.elf", "\(directory.path)/second.elf")
    }

    private func bash(_ line: String) throws -> SwiftletProcess.Ended {
        try SwiftletProcess(["-c", "cd '\(path)' && S='\(SwiftletProcess.path)' && \(line)"], program: "/bin/bash")
            .wait()
    }

    @Test(
        arguments: [
            "--trace k.elf", "--record ./k.elf", "--report json:link.elf", "--console file:second.elf",
            "--trace \"$PWD//k.elf\"",
            "--initrd i --trace i", "--module 'i words' --report tap:i", "--symbols i --record i",
        ])
    func anInputIsKept(options: String) throws {
        let ended = try bash("echo text > i && $S run k.elf \(options); status=$?; cat i; exit $status")
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(ended.lastLine.contains("which is an input too"), "\(ended.errors)")
        #expect(ended.output == "text\n")
        #expect(try directory.contents("k.elf") == kernel)
    }

    @Test(
        arguments: [
            "--report json:z --trace ./z", "--trace z --record $PWD/z", "--console file:z --report tap:z",
            "--report json:z --trace y",
        ])
    func twoOutputsAreTwoFiles(options: String) throws {
        // y leads to z, which is not there yet.
        let ended = try bash("ln -s z y; $S run k.elf \(options)")
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(ended.lastLine.contains("would both write to"), "\(ended.errors)")
        #expect(access("\(path)/z", F_OK) != 0)
    }

    /// Of files, pipes and devices alike; y leads to z.
    @Test(arguments: [
        "z z", "z ./z", "z y", "fifo ./fifo", "/dev/stdout /dev/fd/1", "out /dev/stdout", "/dev/full /dev/full",
    ])
    func twoReportsAreTwo(paths: String) throws {
        let words = paths.split(separator: " ")
        let ended = try bash(
            """
            mkfifo fifo; ln -s z y; ln -s /dev/stdout out; $S run k.elf --console none --report json:\(words[0]) \
            --report tap:\(words[1]) | cat; \
            exit ${PIPESTATUS[0]}
            """)
        #expect(
            ended.status == 64,
            "\(ended.errors)")
        #expect(
            ended.lastLine == "swiftlet: two reports can't go to one file: \(words[1])",
            "\(ended.errors)")
        #expect(access("\(path)/z", F_OK) != 0)
    }

    /// Pipes and devices are there to be shared, and so are inputs.
    @Test func whatIsNoFileMayBeShared() throws {
        let ended = try bash(
            "$S run k.elf --initrd k.elf --symbols k.elf --trace /dev/null --record /dev/null --console file:/dev/null")
        #expect(ended.status == 0, "\(ended.errors)")
    }

    @Test(
        arguments: [
            ("trace = 'z'", "report = 'json:./z'", "", 65, "\"z\""), ("trace = 'k.elf'", "", "", 65, "an input too"),
            ("trace = 's.toml'", "", "", 64, "an input too (the suite)"),
            ("report = 'junit:z'", "", "--report junit:z", 64, "would both write to"),
            ("trace = 'logs/a.log'", "", "--logs logs", 64, "would both write to"),
            ("", "", "--report tap:k.elf", 64, "an input too"),
        ])
    func suitesToo(first: String, second: String, options: String, status: Int32, words: String) throws {
        let suite =
            "[[boot]]\nname = 'a'\nkernel = 'k.elf'\n\(first)\n[[boot]]\nname = 'b'\nkernel = 'k.elf'\n\(second)\n"
        _ = try directory.file("s.toml", Array(suite.utf8))
        mkdir("\(path)/logs", 0o755)
        let ended = try bash("$S suite s.toml \(options)")
        #expect(
            ended.status == status,
            "\(ended.errors)")
        #expect(
            (words == "\"z\"" ? ended.errors.contains("would both write to") : ended.errors.contains(words)),
            "\(ended.errors)")
        #expect(try directory.contents("k.elf") == kernel)
    }
}
