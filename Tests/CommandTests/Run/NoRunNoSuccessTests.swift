import Glibc
import TestSupport
import Testing

/// A run that never happened never ends in 0, whatever kept it from happening.
@Suite struct NoRunNoSuccessTests {
    @Test(
        arguments: [
            [], [""], ["run"], ["run", ""], ["help", "none"], ["run", "KERNEL", "-hugepages"],
            ["run", "KERNEL", "-nographic"], ["run", "KERNEL", "-hda", "x"],
            ["run", "KERNEL", "-h"], ["run", "KERNEL", "--help"], ["run", "--append", "-h", "KERNEL"],
            ["run", "KERNEL", "--version"],
            ["run", "KERNEL", "--generate-completion-script", "bash"], ["run", "KERNEL", "--experimental-dump-help"],
            ["suite", "-h", "KERNEL"], ["--"],
        ])
    func wordsThatAreNoRun(words: [String]) throws {
        let kernel = try TestKernel.built("hello.elf")
        let ended = try SwiftletProcess(words.map { $0 == "KERNEL" ? kernel : $0 }).wait()
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(ended.output.isEmpty, "\(ended.errors)")
        // The sentence comes last.
        #expect(ended.lastLine.hasPrefix("swiftlet: "), "\(ended.errors)")
        #expect(!ended.lastLine.contains("--help' lists"), "\(ended.errors)")
    }

    /// With too few descriptors for one thing after another the kernel that triple-faults is never passed, and is
    /// started where they suffice.
    @Test func tooFewDescriptors() throws {
        let kernel = try TestKernel.built("faults.elf")
        var statuses: [Int32] = []
        // The last one suffices whatever the test's own process leaves open.
        for limit in Array(3...24) + [256] {
            let ended = try SwiftletProcess(
                ["-c", "ulimit -n \(limit); exec \"$0\" run \"$1\"", SwiftletProcess.path, kernel], program: "/bin/sh"
            ).wait()
            // Below 4 a dynamic program finds no library.
            #expect(
                [102, 125].contains(ended.status) || limit == 3 && ended.status == 127,
                "\(limit): \(ended.status) \(ended.errors)")
            statuses.append(ended.status)
        }
        #expect(statuses.contains(125))
        #expect(statuses.last == 102)
    }

    /// Without /proc the arguments are still there.
    @Test(.enabled(if: getuid() == 0, "the host lacks root: a file system is laid over /proc"))
    func withoutProc() throws {
        let kernel = try TestKernel.built("hello.elf")
        let script = "mount -t tmpfs none /proc && exec \"$0\" run \"$1\" --append exit=5"
        let ended = try SwiftletProcess(
            ["-m", "sh", "-c", script, SwiftletProcess.path, kernel], program: "/usr/bin/unshare"
        ).wait()
        #expect(
            ended.status == 5,
            "\(ended.errors)")
        #expect(
            ended.lastLine == "swiftlet: failed: the guest wrote 5 to the exit port",
            "\(ended.errors)")
    }

    /// What is asked for and can't be written was not given.
    @Test(arguments: [
        ["--help"], ["run", "--help"], ["--version"], ["--generate-completion-script", "bash"], ["devices"],
    ])
    func answersToAFullDisk(words: [String]) throws {
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        let ended = try SwiftletProcess(words, output: full).wait()
        #expect(
            ended.status == 73,
            "\(ended.errors)")
        #expect(
            ended.lastLine == "swiftlet: standard output can't be written: No space left on device",
            "\(ended.errors)")
    }
}
