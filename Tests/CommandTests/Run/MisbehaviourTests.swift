import FoundationEssentials
import LinuxSystem
import TestSupport
import Testing

/// Guests made to misbehave, a folder each under guests: each run has the right status and the right words, and ends in
/// time.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct MisbehaviourTests {
    /// How a guest misbehaves, and what must be said of it.
    struct Case: CustomTestStringConvertible, Sendable {
        let guest: String
        var append = ""
        var options: [String] = []
        /// nil: far more than it takes, so that whoever waits for it fails the test.
        var timeout: String?
        let status: Int32
        let outcome: String
        /// The last line's, behind `swiftlet: `.
        let words: String
        /// How the sentence on vCPU 0 begins, and what else it says; nil: there is no post-mortem.
        var diagnosis: (start: String, rest: String)?
        /// The end of what the guest said.
        let said: String

        var testDescription: String { "\(guest) \(append) \(options.joined(separator: " "))" }
    }

    private static let timedOut = "timeout: the guest was still running after 0.5 s"

    static let cases = [
        Case(
            guest: "hangs", timeout: "500ms", status: 124, outcome: "timeout", words: timedOut,
            diagnosis: ("is halted with interrupts off at rip 0x", " (hang+0x2): only an NMI or a reset can wake it"),
            said: "hangs: test 1 of 2: ok\n"),
        Case(
            guest: "spins", timeout: "500ms", status: 124, outcome: "timeout", words: timedOut,
            diagnosis: ("is spinning at rip 0x", " (spin"),
            said: "spins: test 1 of 2: ok\n"),
        Case(
            guest: "halts", timeout: "500ms", status: 124, outcome: "timeout", words: timedOut,
            diagnosis: ("is halted at rip 0x", ", waiting for an interrupt: none is pending"),
            said: "halts: waiting\n"),
        Case(
            guest: "halts", append: "irq=masked", timeout: "500ms", status: 124, outcome: "timeout", words: timedOut,
            diagnosis: ("is halted at rip 0x", ", waiting for an interrupt: IRQ 0 is requested, but masked at the PIC"),
            said: "halts: waiting\n"),
        Case(
            guest: "panics", status: 101, outcome: "panic",
            words: "the guest's kernel panicked: \"panics: [    1.234567] Kernel panic - not syncing: VFS: Unable",
            diagnosis: ("is spinning at rip 0x", " (spin"), said: "on unknown-block(0,0) ]---\n"),
        Case(
            guest: "panics", append: "then=reset", status: 101, outcome: "panic",
            words: "the guest's kernel panicked: \"panics: [    1.234567] Kernel panic",
            diagnosis: ("was at rip 0x", " (end_by_reset+0x"), said: "on unknown-block(0,0) ]---\n"),
        Case(
            guest: "panics", append: "says=oops", status: 1, outcome: "failed",
            words: "failed: the guest's kernel is in distress (kernel BUG): \"panics: [ ",
            diagnosis: ("is spinning at rip 0x", " (spin"), said: "---[ end trace 0000000000000000 ]---\n"),
        Case(
            guest: "faults", status: 102, outcome: "triple-fault",
            words: "triple fault on vCPU 0: an exception came while none could be handled",
            diagnosis: ("triple-faulted", ""), said: "faults: test 1 of 2: ok\n"),
        Case(
            guest: "floods", options: ["--fail-on", "line 300 "], status: 1, outcome: "failed",
            words: "failed: the console said what --fail-on \"line 300 \" ",
            diagnosis: ("is ", "rip 0x"), said: ""),
        Case(
            guest: "floods", options: ["--console", "none"], timeout: "500ms", status: 124, outcome: "timeout",
            words: timedOut, diagnosis: ("is ", "rip 0x"),
            said: ""),
        Case(
            guest: "stops", timeout: "500ms", status: 124, outcome: "timeout", words: timedOut,
            diagnosis: ("is halted with interrupts off at rip 0x", " (hang+0x2)"), said: "\nstops: test 2 is run"),
        Case(
            guest: "loops", status: 103, outcome: "reset", words: "the guest reset itself (reset control port 0xCF9)",
            diagnosis: ("was at rip 0x", " (end_by_reset+0x"), said: "loops: once more\n"),
        Case(
            guest: "leaves", options: ["--expect", "test 3 of 3"], status: 1, outcome: "failed",
            words: "failed: the guest wrote 0 to the exit port, and the console never said \"test 3 of 3\"",
            said: "leaves: test 1 of 3: ok\n"),
    ]

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private struct Examined: Decodable {
        struct Report: Decodable {
            struct VCPU: Decodable { let diagnosis: String }
            struct PIC: Decodable { let vectors, requested, inService, masked: [Int] }
            let vcpus: [VCPU]
            let pic: PIC?
        }

        let postMortem: Report?
    }

    private func examined(_ path: String) throws -> Examined.Report? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Examined.self, from: Data(readFile(path))).postMortem
    }

    @Test(arguments: cases)
    func isToldWhatItIs(_ test: Case) throws {
        let path = "\(directory.path)/report.json"
        let limit = test.timeout ?? "60s"
        let start = MonotonicClock.now
        let ended = try SwiftletProcess(
            [
                "run", TestKernel.built("\(test.guest).elf"), "--append", test.append, "--timeout", limit, "--report",
                "json:\(path)",
            ] + test.options
        ).wait()
        let seconds = Double(MonotonicClock.now - start) / 1e9
        let report = try WrittenReport(readFile(path))
        #expect(
            ended.status == test.status,
            "\(ended.errors)")
        #expect(
            report.exitStatus == test.status,
            "\(ended.errors)")
        #expect(
            report.outcome == test.outcome,
            "\(ended.errors)")
        #expect(
            ended.lastLine.hasPrefix("swiftlet: \(test.words)"),
            "\(ended.lastLine)")
        #expect(
            ended.lastLine == "swiftlet: \(report.message)",
            "\(ended.lastLine)")
        // Nothing waits for the limit of a minute, and what must wait for half a second is not late. A busy host is
        // slow.
        #expect(report.durationSeconds < 2, "\(report.durationSeconds) s, \(seconds) s")
        #expect(seconds < 10, "\(report.durationSeconds) s, \(seconds) s")
        // The limit counts from the program's start, the report's time from the first vCPU's.
        if test.timeout != nil {
            #expect(seconds >= 0.5)
            #expect(report.durationSeconds > 0.3)
        }
        #expect(ended.output.replacing("\r\n", with: "\n").hasSuffix(test.said), "\(ended.output.suffix(200))")

        let diagnosis = try examined(path)?.vcpus.first?.diagnosis
        guard let expected = test.diagnosis else {
            #expect(diagnosis == nil, "a guest that ends by itself is not examined")
            return
        }
        let said = try #require(diagnosis, "\(ended.errors)")
        #expect(
            said.hasPrefix("vCPU 0 \(expected.start)"),
            "\(said)")
        #expect(
            (expected.rest.isEmpty || said.contains(expected.rest)),
            "\(said)")
        #expect(ended.errors.contains("swiftlet: \(said)\n"))
    }

    /// Nothing waits for the limit of a minute where nothing can come any more.
    @Test(arguments: [1, 3])
    func aGuestThatNothingCanWakeIsOver(cpus: Int) throws {
        let path = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("hangs.elf"), "--cpus", "\(cpus)", "--timeout", "60s", "--report", "json:\(path)")
        let report = try WrittenReport(readFile(path))
        #expect(ended.status == 124, "\(ended.errors)")
        #expect(report.exitStatus == 124, "\(ended.errors)")
        #expect(report.outcome == "hang", "\(ended.errors)")
        #expect(
            ended.lastLine
                == "swiftlet: hang: the guest is halted with interrupts off, and nothing is left that could wake it")
        #expect(ended.errors.contains("swiftlet: vCPU 0 is halted with interrupts off at rip 0x"), "\(ended.errors)")
        #expect(ended.errors.matches(of: /was never started/).count == cpus - 1)
        #expect(report.durationSeconds > 1, "\(report.durationSeconds) s")
        #expect(report.durationSeconds < 20, "\(report.durationSeconds) s")
        let unmet = try SwiftletProcess.run(
            "run", TestKernel.built("hangs.elf"), "--cpus", "\(cpus)", "--expect", "test 2 of 2: ok")
        #expect(
            unmet.status == 124,
            "\(unmet.lastLine)")
        #expect(
            unmet.lastLine.hasSuffix("could wake it, and the console had not said \"test 2 of 2: ok\""),
            "\(unmet.lastLine)")
        #expect(
            try SwiftletProcess.run(
                "run", TestKernel.built("hangs.elf"), "--cpus", "\(cpus)", "--expect", "test 1 of 2: ok"
            ).status == 0)
    }

    @Test func whatAnNMIWillWakeIsNot() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("hangs.elf"), "--append", "wake=nmi after=5", "--timeout", "60s")
        #expect(ended.status == 0, "\(ended.output) \(ended.errors)")
        #expect(ended.output.contains("hangs: woken"), "\(ended.output) \(ended.errors)")
    }

    /// Interrupts are on: one might come.
    @Test func norWhatWaitsForAnInterrupt() throws {
        let ended = try SwiftletProcess.run("run", TestKernel.built("halts.elf"), "--timeout", "4s")
        #expect(
            ended.status == 124,
            "\(ended.lastLine)")
        #expect(
            ended.lastLine == "swiftlet: timeout: the guest was still running after 4 s",
            "\(ended.lastLine)")
    }

    @Test func aMaskedRequestAtThePICIsShown() throws {
        let path = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("halts.elf"), "--append", "irq=masked", "--timeout", "300ms", "--report",
            "json:\(path)", "--post-mortem",
            "full")
        let pic = try #require(try examined(path)?.pic)
        #expect(pic.vectors == [0x20, 0x28])
        #expect(pic.requested == [0])
        #expect(pic.inService == [])
        #expect(pic.masked == [0, 1] + Array(3...15))
        #expect(
            ended.errors.contains(
                "swiftlet: PIC: vectors 0x20 and 0x28, requested IRQ 0, nothing in service, all masked\n"),
            "\(ended.errors)")
        // Nobody used it.
        let idle = try SwiftletProcess.run(
            "run", TestKernel.built("halts.elf"), "--timeout", "300ms", "--post-mortem", "full")
        #expect(!idle.errors.contains("PIC:"), "\(idle.errors)")
    }

    @Test func aBootLoopIsCounted() throws {
        let path = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("loops.elf"), "--on-reset", "reboot", "--timeout", "700ms", "--report",
            "json:\(path)")
        let report = try WrittenReport(readFile(path))
        #expect(ended.status == 124)
        #expect(report.outcome == "timeout")
        #expect(report.reboots >= 2)
        #expect(ended.output.matches(of: /once more/).count - report.reboots <= 1)
        #expect(
            ended.lastLine.contains(
                "before, it had reset itself \(report.reboots) times, the last time by reset control port 0xCF9"))
    }

    /// Every value that a byte has, with every meaning: docs/exit-status.md.
    @Test(
        arguments: [("plain", Array(0...255)), ("qemu", [0, 1, 2, 63, 64, 127, 128, 254, 255])] as [(String, [Int])])
    func everyCodeIsAStatus(style: String, values: [Int]) throws {
        let kernel = try TestKernel.built("returns.elf")
        for value in values {
            let ended = try SwiftletProcess([
                "run", kernel, "--append", "value=\(value)", "--exit-port-style", style, "--timeout", "60s",
            ]).wait()
            let expected = style == "qemu" ? (value << 1 | 1) & 0xFF : value < 64 ? value : 1
            #expect(ended.status == Int32(expected), "value \(value)")
            #expect(ended.output.replacing("\r\n", with: "\n") == "returns: \(value)\n")
            #expect(
                ended.lastLine.hasPrefix(
                    "swiftlet: \(value == 0 ? "passed" : "failed"): the guest wrote \(value) to the exit port"),
                "\(ended.lastLine)")
        }
    }
}
