import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Whatever the program is doing, a signal that asks it to end does so within a second, and the time limit within
/// another.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct EndingSignalTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A FIFO that nobody else opens.
    private func fifo(_ name: String = "fifo") throws -> String {
        let path = "\(directory.path)/\(name)"
        guard mkfifo(path, 0o644) == 0 else { throw SystemCallError.last("mkfifo", path) }
        return path
    }

    /// A pipe that takes nothing more.
    private static func fullPipe() throws -> Pipe {
        let pipe = try Pipe()
        // F_SETPIPE_SZ: the least there is.
        #expect(fcntl(pipe.input, 1031, 4096) >= 0)
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
        #expect(bytes.withUnsafeBytes { write(pipe.input, $0.baseAddress, $0.count) } == 4096)
        return pipe
    }

    /// Waits until the process sleeps in a system call and stays there.
    private func isStuck(_ process: SwiftletProcess) -> Bool {
        var quiet = 0
        return eventually(within: 20) {
            let state = (try? String(decoding: readFile("/proc/\(process.child.id)/stat"), as: UTF8.self)) ?? ""
            quiet = state.split(separator: ")").last?.hasPrefix(" S") == true ? quiet + 1 : 0
            usleep(10_000)
            return quiet >= 10
        }
    }

    /// Sends a signal to a process that is stuck, and gives how it ended and after how many seconds.
    private func end(_ process: SwiftletProcess, by signal: Int32 = SIGTERM) throws -> (
        ended: SwiftletProcess.Ended, seconds: Double
    ) {
        try #require(isStuck(process), "\(process.errors)")
        let start = MonotonicClock.now
        process.child.signal(signal)
        let ended = try process.wait(within: 20)
        return (ended, Double(MonotonicClock.now - start) / 1e9)
    }

    @Test(arguments: [
        ["run", "FIFO"], ["run", "KERNEL", "--initrd", "FIFO"], ["run", "--firmware", "FIFO"],
        ["run", "KERNEL", "--report", "json:FIFO"],
        ["run", "KERNEL", "--console", "file:FIFO"], ["run", "KERNEL", "--record", "FIFO"],
        ["run", "KERNEL", "--trace", "FIFO"], ["suite", "FIFO"],
        ["suite", "SUITE", "--report", "junit:FIFO"], ["lab", "--kernel", "FIFO", "--", "true"],
    ])
    func whatIsBeingOpenedIsGivenUp(arguments: [String]) throws {
        let path = try fifo()
        let kernel = try TestKernel.built("hello.elf")
        let suite = try directory.file("boots.toml", Array("[[boot]]\nname = \"one\"\nkernel = \"\(kernel)\"\n".utf8))
        let words = arguments.map { word in
            word.replacing("FIFO", with: path).replacing("KERNEL", with: kernel).replacing("SUITE", with: suite)
        }
        let (ended, seconds) = try end(try SwiftletProcess(words))
        #expect(ended.status == 143)
        #expect(seconds < 1)
        #expect(ended.lastLine.hasSuffix(": ended by SIGTERM while \(path) was being opened"), "\(ended.errors)")
    }

    @Test func theReportSaysWhatItWaitedFor() throws {
        let (kernel, report) = try (fifo(), "\(directory.path)/report.json")
        let (ended, _) = try end(try SwiftletProcess(["run", kernel, "--report", "json:\(report)"]), by: SIGINT)
        #expect(ended.status == 130)
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "interrupted")
        #expect(written.exitStatus == 130)
        #expect("swiftlet: \(written.message)" == ended.lastLine)
    }

    /// The time counts from the program's start, whatever it waits for.
    @Test("the time limit works while a file is being opened")
    func limitDuringOpen() throws {
        let (kernel, report) = try (fifo(), "\(directory.path)/report.json")
        let start = MonotonicClock.now
        let ended = try SwiftletProcess.run(
            "run", kernel, "--timeout", "500ms", "--report", "json:\(report)", within: 20)
        let seconds = Double(MonotonicClock.now - start) / 1e9
        #expect(ended.status == 124)
        #expect((0.45..<2).contains(seconds))
        #expect(ended.lastLine == "swiftlet: timeout: after 0.5 s \(kernel) was still being opened")
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "timeout")
        #expect(written.exitStatus == 124)
    }

    /// The kernel takes seconds for the memory of such a guest where it keeps more than page tables of it, and no
    /// signal ends that: what is begun is one slot of 17.
    @Test func theTimeLimitHoldsWhileMemoryIsGivenToKVM() throws {
        let record = "\(directory.path)/record"
        let start = MonotonicClock.now
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("halts.elf"), "--memory", "1T", "--timeout", "1ms", "--record", record, within: 20)
        let seconds = Double(MonotonicClock.now - start) / 1e9
        #expect(ended.status == 124, "after \(seconds) s")
        #expect(seconds < 1, "after \(seconds) s")
        #expect(ended.lastLine == "swiftlet: timeout: after 0.001 s it was still building the machine")
        let calls = try Recording(path: record).lines
        #expect(calls.count(where: { $0.call.name == "KVM_SET_USER_MEMORY_REGION" }) < 17)
    }

    @Test func aGuestOf1TiBEndsAtItsTimeLimit() throws {
        let start = MonotonicClock.now
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("halts.elf"), "--memory", "1T", "--timeout", "1s", within: 20)
        let seconds = Double(MonotonicClock.now - start) / 1e9
        // Another second is what the time limit gives to who ends by himself.
        #expect(ended.status == 124, "after \(seconds) s")
        #expect((1..<3).contains(seconds), "after \(seconds) s")
        #expect(ended.lastLine.hasPrefix("swiftlet: timeout: "), "\(ended.errors)")
    }

    /// Standard error and the report go to readers that stand still; the status is all that can be told.
    @Test(
        "a stuck reader of standard error blocks nothing",
        arguments: [(SIGTERM, 143), (SIGHUP, 129), (SIGINT, 130), (SIGQUIT, 131), (SIGUSR1, 138), (SIGXCPU, 152)]
            as [(Int32, Int32)])
    func stuckErrorReader(signal: Int32, status: Int32) throws {
        let pipe = try Self.fullPipe()
        let (ended, seconds) = try end(
            try SwiftletProcess(["run", "/nonexistent.elf"], output: pipe.input, errors: pipe.input), by: signal)
        #expect(ended.status == status)
        #expect(seconds < 1)
    }

    @Test("the time limit works while standard error is stuck")
    func limitWithStuckError() throws {
        let pipe = try Self.fullPipe()
        let process = try SwiftletProcess(
            ["run", TestKernel.built("ends.elf"), "--append", "end=triplefault", "--timeout", "1s"], errors: pipe.input)
        #expect(try process.wait(within: 4).status == 124)
    }

    @Test func whatIsPrintedToAStuckReaderIsGivenUp() throws {
        let pipe = try Self.fullPipe()
        let (ended, seconds) = try end(
            try SwiftletProcess(["--generate-completion-script", "bash"], output: pipe.input))
        #expect(ended.status == 143)
        #expect(seconds < 1)
        #expect(ended.lastLine == "swiftlet: ended by SIGTERM while standard output was being written")
    }

    /// nohup(1), and what a shell does for jobs in its background.
    @Test("a signal that was ignored at the start stays ignored", arguments: [("HUP", SIGHUP), ("INT", SIGINT)])
    func ignoredSignal(name: String, signal: Int32) throws {
        let process = try SwiftletProcess(
            ["run", TestKernel.built("ends.elf"), "--append", "end=spin"], program: "/bin/sh",
            leading: ["-c", "trap '' \(name); exec \"$@\"", "sh", SwiftletProcess.path])
        try #require(eventually { process.output.contains("ends: spin") })
        process.child.signal(signal)
        usleep(300_000)
        process.child.signal(SIGTERM)
        let ended = try process.wait()
        #expect(ended.status == 143)
        #expect(ended.lastLine == "swiftlet: ended by SIGTERM")
    }

    /// A parent may leave signals blocked.
    @Test func aSignalThatWasBlockedAtTheStartEndsIt() throws {
        let process = try SwiftletProcess(
            ["run", fifo()], program: "/usr/bin/perl",
            leading: [
                "-MPOSIX", "-e", "sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); exec @ARGV",
                SwiftletProcess.path,
            ])
        let (ended, seconds) = try end(process)
        #expect(ended.status == 143)
        #expect(seconds < 1)
    }

    /// A suite ends what it runs in the same second.
    @Test func aSuiteEndsItsRunsInTime() throws {
        let kernel = try TestKernel.built("ends.elf")
        let suite = try directory.file(
            "boots.toml",
            Array("[[boot]]\nname = \"spin\"\nkernel = \"\(kernel)\"\nappend = \"end=spin\"\ntimeout = \"60s\"\n".utf8))
        let process = try SwiftletProcess(["suite", suite])
        usleep(1_000_000)
        let start = MonotonicClock.now
        process.child.signal(SIGTERM)
        let ended = try process.wait()
        #expect(ended.status == 143)
        #expect(Double(MonotonicClock.now - start) / 1e9 < 1)
    }
}
