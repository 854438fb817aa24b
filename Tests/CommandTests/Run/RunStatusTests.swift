import Glibc
import LinuxSystem
import TestSupport
import Testing

/// The exit statuses of `swiftlet run`, each brought about for real: docs/exit-status.md.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct RunStatusTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func flat(_ code: [UInt8], _ name: String = "guest.bin") throws -> String { try directory.file(name, code) }

    @Test(
        arguments: [
            (0, 0, "passed: the guest wrote 0"), (1, 1, "failed: the guest wrote 1"),
            (2, 2, "failed: the guest wrote 2"),
            (63, 63, "failed: the guest wrote 63"), (64, 1, "failed: the guest wrote 64"),
            (124, 1, "failed: the guest wrote 124"),
            (200, 1, "failed: the guest wrote 200"), (255, 1, "failed: the guest wrote 255"),
        ] as [(UInt8, Int32, String)])
    func whatTheGuestWrote(value: UInt8, status: Int32, words: String) throws {
        let ended = try SwiftletProcess.run("run", flat(TestKernel.exits(value)))
        #expect(ended.status == status)
        #expect(ended.lastLine.hasPrefix("swiftlet: \(words) "))
    }

    @Test(
        arguments: [
            ("exit-dword", "0", "plain", 0), ("exit-dword", "38", "plain", 38), ("exit-dword", "0x100", "plain", 1),
            ("exit-word", "0x105", "plain", 1),
            ("exit", "0", "qemu", 1), ("exit", "1", "qemu", 3), ("exit", "63", "qemu", 127),
            ("exit-dword", "0", "qemu", 1),
            ("exit-dword", "1", "qemu", 3), ("exit-dword", "38", "qemu", 77), ("exit-dword", "0x80", "qemu", 1),
            ("exit-dword", "0xffffffff", "qemu", 255),
            ("exit-word", "0x105", "qemu", 11),
        ] as [(String, String, String, Int32)])
    func exitPortStyles(end: String, value: String, style: String, status: Int32) throws {
        let report = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("ends.elf"), "--append", "end=\(end) value=\(value)", "--exit-port-style", style,
            "--report", "json:\(report)")
        #expect(ended.status == status)
        #expect(ended.output.contains("ends: \(end)"))
        // Whatever the status is made of, only a zero passes.
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == (value == "0" ? "passed" : "failed"))
        #expect(written.exitStatus == status)
        #expect(ended.lastLine.hasPrefix("swiftlet: \(written.outcome): the guest wrote "))
    }

    @Test(arguments: ["0x501", "1281", "0xed"])
    func exitPorts(port: String) throws {
        let number = try #require(port.hasPrefix("0x") ? Int(port.dropFirst(2), radix: 16) : Int(port))
        // mov dx, 0xf4; mov al, 5; out dx, al; mov dx, PORT; mov al, 7; out dx, al; hlt
        let code: [UInt8] = [
            0xBA, 0xF4, 0, 0xB0, 5, 0xEE, 0xBA, UInt8(truncatingIfNeeded: number),
            UInt8(truncatingIfNeeded: number >> 8), 0xB0, 7, 0xEE, 0xF4,
        ]
        let ended = try SwiftletProcess.run("run", flat(code), "--exit-port", port, "--timeout", "60s")
        #expect(ended.status == 7)
        #expect(ended.lastLine == "swiftlet: failed: the guest wrote 7 to the exit port")
        #expect(try SwiftletProcess.run("run", flat(code), "--timeout", "60s").status == 5)
    }

    @Test func noExitPort() throws {
        // It powers off where the exit port does not answer.
        let kernel = try TestKernel.built("hello.elf")
        #expect(try SwiftletProcess.run("run", kernel, "--append", "exit=3").status == 3)
        let ended = try SwiftletProcess.run(
            "run", kernel, "--append", "exit=3", "--exit-port", "none", "--timeout", "60s")
        #expect(ended.lastLine == "swiftlet: passed: the guest powered itself off")
        // Boot code that gives up, by INT 18h, ends the run all the same.
        var disk: [UInt8] = [0xCD, 0x18] + [UInt8](repeating: 0, count: 508)
        disk += [0x55, 0xAA]
        let image = try directory.file("gives-up.img", disk)
        #expect(try SwiftletProcess.run("run", image, "--exit-port", "none", "--timeout", "60s").status == 1)
    }

    @Test(
        arguments: [
            ("0x3f8", "belongs to COM1"), ("0x21", "belongs to the PIC"),
            ("0xe9", "belongs to the test device and --debug-console e9"),
            ("0x402", "belongs to --debug-console console"), ("0x604", "belongs to ACPI"),
            ("0xcfc", "belongs to PCI configuration"),
            ("0xc000", "belongs to the PCI devices"), ("65536", "the last port is 0xffff"), ("-1", "expected a port"),
            ("f4", "expected a port"),
        ])
    func takenExitPorts(port: String, words: String) throws {
        let ended = try SwiftletProcess.run("run", TestKernel.built("hello.elf"), "--exit-port=\(port)")
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(ended.errors.contains(words), "\(ended.errors)")
        #expect(ended.output.isEmpty, "\(ended.errors)")
    }

    @Test func aProcessorThatKVMCantGiveIsSaid() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("hello.elf"), "--cpu", "host,+3dnowext,-sse4.2", "--timeout", "60s")
        #expect(ended.status == 0)
        let bad = try SwiftletProcess.run("run", TestKernel.built("hello.elf"), "--cpu", "host,+nonsense")
        #expect(bad.status == 64, "\(bad.errors)")
        #expect(bad.errors.contains("'+nonsense' is no processor feature known here"), "\(bad.errors)")
        #expect(
            ended.errors.contains(
                "warning: KVM does not offer the processor feature 3dnowext here; the guest goes without"))
    }

    @Test(
        arguments: [
            ("poweroff", 0, "passed: the guest powered itself off", "passed"), ("panic", 101, "panicked", "panic"),
            ("triplefault", 102, "triple fault on vCPU 0", "triple-fault"),
            ("reset", 103, "reset itself (reset control port 0xCF9)", "reset"),
            ("reset-kbd", 103, "reset itself (keyboard controller", "reset"),
        ] as [(String, Int32, String, String)])
    func howTheGuestEnded(end: String, status: Int32, words: String, outcome: String) throws {
        let report = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("ends.elf"), "--append", "end=\(end)", "--timeout", "60s", "--report",
            "json:\(report)")
        #expect(ended.status == status)
        #expect(ended.lastLine.contains(words))
        #expect(ended.output.contains("ends: \(end)"))
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == outcome)
        #expect(written.exitStatus == status)
        #expect("swiftlet: \(written.message)" == ended.lastLine)
    }

    @Test(arguments: [[], ["--console", "none"]])
    func whereKVMCantGoOnThereAreRegisters(options: [String]) throws {
        let report = "\(directory.path)/report.json"
        let arguments = ["run", try flat(TestKernel.runsOutOfMemory), "--memory", "1M", "--report", "json:\(report)"]
        let ended = try SwiftletProcess(arguments + options).wait()
        #expect(ended.status == 104)
        #expect(ended.lastLine.contains("KVM could not go on with vCPU 0"))
        #expect(ended.lastLine.contains("suberror 1"))
        #expect(ended.errors.contains("rip 0000000000000010"))
        #expect(ended.errors.contains("cs  000000000000ffff"))
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "internal-error")
        #expect(written.exitStatus == 104)
        #expect(written.exits["internal_error"] == 1)
        #expect(written.registers.contains { $0.hasPrefix("rip 0000000000000010") })
    }

    @Test(arguments: ["spin", "hang"])
    func whatTakesTooLong(end: String) throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("ends.elf"), "--append", "end=\(end)", "--timeout", "300ms")
        #expect(ended.status == 124)
        #expect(ended.lastLine == "swiftlet: timeout: the guest was still running after 0.3 s")
    }

    /// `ends` starts again until its clock says so, and finds its RAM cleared each time.
    @Test(arguments: ["reset", "reset-acpi", "reset-full", "reset-kbd", "reset-kbd-output", "reset-92", "triplefault"])
    func aResetStartsTheMachineAgain(end: String) throws {
        let report = "\(directory.path)/report.json"
        let until = WallClock.now / 1_000_000_000 + 2
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("ends.elf"), "--append", "end=\(end) until=\(until)", "--on-reset", "reboot",
            "--timeout", "60s", "--report",
            "json:\(report)")
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(ended.output.hasSuffix("ends: it is time\r\n"), "\(ended.errors)")
        let written = try WrittenReport(readFile(report))
        #expect(written.reboots >= 1)
        #expect(ended.output.matches(of: /ends: (reset|triplefault)/).count == written.reboots)
        #expect(written.outcome == "passed")
        #expect(written.message.contains("before, it had reset itself "))
        #expect(
            written.durationSeconds > 0,
            "all boots together")
        #expect(
            written.exits["port_out", default: 0] > UInt64(20 * written.reboots),
            "all boots together")
        #expect(written.consoleTail.hasSuffix("ends: it is time\r\n"))
        #expect(ended.output.hasSuffix(written.consoleTail))
    }

    @Test func aResetLoopEndsByItsTime() throws {
        let report = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("ends.elf"), "--append", "end=reset", "--on-reset", "reboot", "--timeout", "700ms",
            "--report", "json:\(report)")
        #expect(ended.status == 124, "\(ended.errors)")
        let written = try WrittenReport(readFile(report))
        #expect(written.outcome == "timeout")
        #expect(written.reboots >= 2)
        #expect(
            written.message
                == """
                timeout: the guest was still running after 0.7 s; before, it had reset itself \(written.reboots) \
                times, \
                the last time by reset control port 0xCF9
                """)
    }

    @Test("a machine that can't be built again is a host failure")
    func rebuildFailure() throws {
        let kernel = try flat(Array(readFile(TestKernel.built("ends.elf"))), "ends.elf")
        let process = try SwiftletProcess([
            "run", kernel, "--append", "end=reset", "--on-reset", "reboot", "--timeout", "60s",
        ])
        #expect(eventually { process.output.contains("ends: reset") })
        #expect(truncate(kernel, 0) == 0)
        let ended = try process.wait()
        #expect(ended.status == 125, "\(ended.errors)")
        #expect(ended.lastLine.contains("could not be built again after a reset: \(kernel): "), "\(ended.lastLine)")
    }

    /// The kernel is opened once: what becomes of its path is nothing to the next boot.
    @Test func aKernelThatIsGoneStartsAgain() throws {
        let kernel = try flat(Array(readFile(TestKernel.built("ends.elf"))), "gone.elf")
        let process = try SwiftletProcess([
            "run", kernel, "--append", "end=reset", "--on-reset", "reboot", "--timeout", "2s",
        ])
        #expect(eventually { process.output.contains("ends: reset") })
        #expect(unlink(kernel) == 0)
        let before = process.output.utf8.count
        #expect(eventually { process.output.utf8.count > before + 100 })
        let ended = try process.wait()
        #expect(ended.status == 124, "\(ended.errors)")
    }

    @Test func theLastPOSTCodeIsReported() throws {
        let report = "\(directory.path)/report.json"
        // mov al, 0x42; out 0x80, al; and the exit.
        let ended = try SwiftletProcess.run(
            "run", flat([0xB0, 0x42, 0xE6, 0x80] + TestKernel.exits(0)), "--report", "json:\(report)")
        #expect(ended.status == 0)
        #expect(try WrittenReport(readFile(report)).postCode == 0x42)
        _ = try SwiftletProcess.run("run", flat(TestKernel.exits(0)), "--report", "json:\(report)")
        #expect(try WrittenReport(readFile(report)).postCode == nil)
    }

    /// More than any host has: what to type is said, with what is there already taken into account.
    @Test func tooFewHugePagesAreCounted() throws {
        let ended = try SwiftletProcess.run("run", flat(TestKernel.exits(0)), "--memory", "512G", "--hugepages")
        #expect(ended.status == 69, "\(ended.errors)")
        #expect(
            ended.lastLine.contains(
                /takes 262144 huge pages of 2 MiB and \d+ are free: sysctl vm\.nr_hugepages=26214[4-9]|no huge pages of 2 MiB/
            ))
    }

    /// A kernel that can't be started, under 65 where it is bad and 66 where there is none.
    @Test func kernelsThatCantBeStarted() throws {
        let hello = try readFile(TestKernel.built("hello.elf"))
        let cases: [(kernel: String, status: Int32, words: String)] = [
            ("\(directory.path)/none.elf", 66, "there is no such file"), (directory.path, 66, "Is a directory"),
            ("/dev/null", 66, "can't be read"),
            (try flat([], "empty"), 65, "empty"), (try flat(Array(hello.prefix(40)), "cut.elf"), 65, "cut.elf"),
            (try flat(Array(hello.prefix(hello.count / 2)), "half.elf"), 65, "half.elf"),
            (try flat([UInt8](repeating: 0x5A, count: 9000), "noise"), 65, "noise"),
            (try flat([UInt8](repeating: 0x90, count: 2 << 20), "huge.bin"), 65, "huge.bin"),
        ]
        for (kernel, status, words) in cases {
            let report = "\(directory.path)/report.json"
            let ended = try SwiftletProcess.run("run", kernel, "--memory", "1M", "--report", "json:\(report)")
            #expect(ended.status == status, "\(kernel): \(ended.errors)")
            #expect(ended.lastLine.hasPrefix("swiftlet: \(kernel): "))
            #expect(ended.lastLine.contains(words))
            let written = try WrittenReport(readFile(report))
            #expect(written.outcome == "not-started")
            #expect(written.exitStatus == status)
            #expect("swiftlet: \(written.message)" == ended.lastLine)
        }
    }

    @Test func aKernelLargerThanMemorySaysSo() throws {
        let ended = try SwiftletProcess.run("run", TestKernel.built("hello.elf"), "--memory", "1M")
        #expect(ended.status == 65)
        #expect(ended.lastLine.contains("hello.elf: "))
        #expect(ended.lastLine.contains("memory"))
    }

    @Test(arguments: [
        ["--memory", "0"], ["--memory", "1000"], ["--memory", "2T"], ["--memory", "3M", "--hugepages"],
        ["--cpus", "0"], ["--cpus", "100000"],
    ])
    func machinesThatCantBeBuilt(arguments: [String]) throws {
        let ended = try SwiftletProcess(["run", try flat(TestKernel.exits(0))] + arguments).wait()
        #expect(ended.status == 64, "\(ended.errors)")
        #expect(ended.lastLine.hasPrefix("swiftlet: "), "\(ended.errors)")
        #expect(ended.output.isEmpty, "\(ended.errors)")
    }

    @Test(arguments: ["--report", "--console"])
    func filesThatCantBeWritten(option: String) throws {
        let kernel = try flat(TestKernel.exits(0))
        let prefix = option == "--report" ? "json:" : "file:"
        for (path, words) in [
            ("\(directory.path)/none/file", "No such file or directory"), (directory.path, "Is a directory"),
        ] {
            let ended = try SwiftletProcess.run("run", kernel, option, prefix + path)
            #expect(ended.status == 73, "\(ended.errors)")
            #expect(ended.lastLine.hasPrefix("swiftlet: the "))
            #expect(ended.lastLine.contains(path))
            #expect(ended.lastLine.hasSuffix(words))
        }
    }

    @Test(arguments: [([] as [String], "0000:00:1f.7"), (["--memory", "64M"], "0fff:00:00.0")])
    func aDeviceThatIsNotThere(options: [String], address: String) throws {
        let ended = try SwiftletProcess(["run", try flat(TestKernel.exits(0)), "--device", address] + options).wait()
        #expect(ended.status == 66, "\(ended.errors)")
        #expect(ended.lastLine.contains(address), "\(ended.errors)")
    }

    @Test(.enabled(if: geteuid() == 0, "the host lacks a root user for these tests"))
    func withoutPermission() throws {
        // As nobody, who may not even see the directory that the program lies in: it is started by its descriptor.
        let binary = try Descriptor(opening: SwiftletProcess.path, flags: O_RDONLY)
        let shell = "exec setpriv --reuid 65534 --regid 65534 --clear-groups /proc/self/fd/3 \"$@\""
        let nothing = try Descriptor(opening: "/dev/null")
        let errors = try Pipe()
        let child = try ChildProcess(
            "/bin/sh", arguments: ["-c", shell, "sh", "run", flat(TestKernel.exits(0))],
            environment: ["PATH=/usr/bin:/bin"],
            descriptors: [nothing.raw, nothing.raw, errors.input, binary.raw])
        let termination = try child.wait()
        let text = String(decoding: errors.readAvailable(), as: UTF8.self)
        #expect(termination == .exited(77), "\(text)")
        #expect(text.contains("/dev/kvm may not be opened by this user"))
        #expect(text.contains("usermod -aG kvm"))
    }
}
