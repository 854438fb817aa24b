import FoundationEssentials
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// What is said of a guest that hangs or dies, with guests that do: docs/post-mortem.md.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct PostMortemTests {
    private struct Examined: Decodable {
        struct Report: Decodable {
            let text, short, hints: [String]
            let vcpus: [VCPU]
        }

        struct VCPU: Decodable {
            struct Frame: Decodable {
                let address: String
                let symbol: String?
            }

            struct Exit: Decodable {
                let kind, address, value: String
                let secondsBeforeEnd: Double
            }

            let diagnosis: String
            let activity: String?
            let registers, samples: [String]
            let backtrace: [Frame]
            let exitCount: Int
            let exits: [Exit]
        }

        let postMortem: Report?
    }

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func run(_ words: String, timeout: String = "300ms", options: [String] = []) throws -> (
        ended: SwiftletProcess.Ended, report: Examined.Report?
    ) {
        let path = "\(directory.path)/report.json"
        let process = try SwiftletProcess(
            ["run", TestKernel.built("ends.elf"), "--append", words, "--timeout", timeout, "--report", "json:\(path)"]
                + options)
        let ended = try process.wait(within: 60)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return (ended, try decoder.decode(Examined.self, from: Data(readFile(path))).postMortem)
    }

    /// A PVH kernel that halts with interrupts off, with a stack full of one address and so many symbols there.
    private static func crowded(_ count: Int) -> [UInt8] {
        func fields(_ fields: [(value: UInt64, width: Int)]) -> [UInt8] {
            fields.flatMap { field in (0..<field.width).map { UInt8(truncatingIfNeeded: field.value >> UInt64(8 * $0)) }
            }
        }
        func program(_ type: UInt64, _ flags: UInt64, _ offset: Int, _ address: UInt64, _ size: Int) -> [UInt8] {
            fields([
                (type, 4), (flags, 4), (UInt64(offset), 8), (address, 8), (address, 8), (UInt64(size), 8),
                (UInt64(size), 8), (4, 8),
            ])
        }
        func section(_ type: UInt64, _ flags: UInt64, _ offset: Int, _ size: Int, link: UInt64 = 0) -> [UInt8] {
            fields([
                (0, 4), (type, 4), (flags, 8), (0x100000, 8), (UInt64(offset), 8), (UInt64(size), 8), (link, 4), (0, 4),
                (1, 8), (24, 8),
            ])
        }
        // mov esp, 0x110000; cli; l: hlt; jmp l
        let code = [0xBC] + fields([(0x110000, 4)]) + [0xFA, 0xF4, 0xEB, 0xFD]
        // The address on the stack is one behind a call, as a return address is.
        var text = code + [UInt8](repeating: 0x90, count: 0x1000 - code.count)
        text[0x7B] = 0xE8
        let stack = Array(repeatElement(fields([(0x100080, 4)]), count: 4096).joined())
        let note = fields([(4, 4), (4, 4), (18, 4), (0x006E_6558, 4), (0x100000, 4)])
        // Doubled, since it is long.
        var symbols = fields([(1, 4), (2, 1), (0, 1), (1, 2), (0x100080, 8), (16, 8)])
        while symbols.count < count * 24 { symbols += symbols }
        let list = 0x2000 + stack.count + note.count
        let names = list + symbols.count
        let header: [UInt8] =
            fields([
                (0x01_0102_464C_457F, 8), (0, 8), (2, 2), (62, 2), (1, 4), (0x100000, 8), (64, 8),
                (UInt64(names) + 8, 8), (0, 4), (64, 2), (56, 2), (3, 2),
                (64, 2), (4, 2),
                (0, 2),
            ])
            + program(1, 5, 0x1000, 0x100000, 0x1000) + program(1, 6, 0x2000, 0x110000, stack.count)
            + program(4, 4, 0x2000 + stack.count, 0, note.count)
        var file = header + [UInt8](repeating: 0, count: 0x1000 - header.count) + text + stack + note
        file += symbols
        file +=
            Array("\0f\0\0\0\0\0\0".utf8) + section(0, 0, 0, 0) + section(1, 6, 0x1000, 0x1000)
            + section(2, 0, list, symbols.count, link: 3)
        return file + section(3, 0, names, 3)
    }

    /// What a kernel's file has costs a bounded time; the report is whole.
    @Test func aMillionNamesAtOneAddressHoldNothingUp() throws {
        let kernel = try directory.file("crowded.elf", Self.crowded(1 << 20))
        let path = "\(directory.path)/report.json"
        let start = ContinuousClock.now
        let ended = try SwiftletProcess.run("run", kernel, "--timeout", "1s", "--report", "json:\(path)")
        let took = ContinuousClock.now - start
        #expect(
            ended.status == 124,
            "\(ended.errors)")
        #expect(
            ended.lastLine == "swiftlet: timeout: the guest was still running after 1 s",
            "\(ended.errors)")
        // A slow build reads what it can in its time, and a busy host has its own.
        #expect(took < .seconds(6), "\(took)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let examined = try #require(try decoder.decode(Examined.self, from: Data(readFile(path))).postMortem)
        let vcpu = try #require(examined.vcpus.first)
        #expect(vcpu.diagnosis.contains("is halted with interrupts off"), "\(vcpu)")
        #expect(vcpu.backtrace.contains { $0.symbol?.hasPrefix("f") == true }, "\(vcpu)")
    }

    @Test("a gzip-compressed kernel has its names too")
    func compressedKernel() throws {
        let kernel = "\(directory.path)/ends.elf.gz"
        let source = try TestKernel.built("ends.elf")
        let make = "gzip -c '\(source)' > '\(kernel)'"
        #expect(try SwiftletProcess(["-c", make], program: "/bin/sh").wait().status == 0)
        let ended = try SwiftletProcess.run("run", kernel, "--append", "end=hang", "--timeout", "300ms")
        #expect(ended.status == 124)
        #expect(ended.errors.contains(" (hang+0x"), "\(ended.errors)")
    }

    @Test(
        arguments: [
            ("hang", 124, "is halted with interrupts off at rip 0x", " (hang+0x"),
            ("spin", 124, "is spinning at rip 0x", " (spin"),
            ("panic", 101, "was at rip 0x", " (end_by_panic+0x"),
            ("fetch", 104, "could not be run on at rip 0xd0000000", ""),
            ("reset", 103, "was at rip 0x", " (end_by_reset+0x"),
        ] as [(String, Int32, String, String)])
    func whereTheGuestWas(end: String, status: Int32, words: String, place: String) throws {
        let (ended, report) = try run("end=\(end)", options: ["--post-mortem", "full"])
        let examined = try #require(report)
        #expect(ended.status == status)
        let vcpu = try #require(examined.vcpus.first)
        #expect(
            vcpu.diagnosis.hasPrefix("vCPU 0 " + words),
            "\(vcpu.diagnosis)")
        #expect(
            (place.isEmpty || vcpu.diagnosis.contains(place)),
            "\(vcpu.diagnosis)")
        // The same on standard error, before the last line, and not more than a screen.
        let lines = ended.errors.split(separator: "\n").map { String($0.dropFirst("swiftlet: ".count)) }
        #expect(lines.contains(vcpu.diagnosis))
        #expect(lines.count <= 42)
        #expect(lines.last?.contains("vCPU 0 is") == false)
        #expect(examined.text.allSatisfy(lines.contains))
        #expect(vcpu.registers.allSatisfy(lines.contains))
        #expect(vcpu.registers.first?.hasPrefix("rip ") == true)
        // Guests are built without frame pointers: callers are found on the stack.
        #expect(vcpu.backtrace.contains { $0.symbol?.hasPrefix("guest_main+0x") == true }, "\(vcpu.backtrace)")
    }

    private static func lines(_ ended: SwiftletProcess.Ended) -> [String] {
        ended.errors.split(separator: "\n").map { String($0.dropFirst("swiftlet: ".count)) }
    }

    @Test(arguments: ["hang", "spin", "panic", "fetch", "reset", "triplefault"])
    func shortIsWhatIsSaid(end: String) throws {
        let (ended, report) = try run("end=\(end)")
        let examined = try #require(report)
        let lines = Self.lines(ended)
        #expect(lines.dropLast() == examined.short[...], "\(ended.errors)")
        #expect(lines.count <= 12, "\(ended.errors)")
        #expect(lines.first == examined.vcpus.first?.diagnosis)
        #expect(lines.contains("registers, stack and the last exits: --post-mortem full"))
        // The report has all of it.
        #expect(examined.text.count > examined.short.count)
        #expect(examined.vcpus.first?.registers.isEmpty == false)
        if end == "hang" {
            #expect(
                lines.contains { $0.hasPrefix("backtrace of vCPU 0: ") && $0.contains("guest_main+0x") }, "\(lines)")
        }
        // What KVM could not go on with is known by its registers.
        #expect(lines.contains { $0.hasPrefix("rip ") } == (end == "fetch"))
    }

    @Test func offSaysAndLooksAtNothing() throws {
        let (ended, report) = try run("end=hang", options: ["--post-mortem", "off"])
        #expect(report == nil, "\(ended.errors)")
        #expect(ended.status == 124, "\(ended.errors)")
        #expect(ended.errors.split(separator: "\n").count == 1, "\(ended.errors)")
        let bad = try SwiftletProcess(["run", TestKernel.built("ends.elf"), "--post-mortem", "long"]).wait()
        #expect(bad.status == 64, "\(bad.errors)")
        #expect(bad.lastLine.contains("short, full"), "\(bad.errors)")
    }

    @Test func junitHasTheShortText() throws {
        let path = "\(directory.path)/report.xml"
        for (detail, hasRegisters) in [("short", false), ("full", true)] {
            let (_, report) = try run("end=hang", options: ["--post-mortem", detail, "--report", "junit:\(path)"])
            let text = try String(decoding: readFile(path), as: UTF8.self)
            let failure = text.split(separator: "<failure").last?.split(separator: "</failure>").first ?? ""
            #expect(
                failure.contains("vCPU 0 is halted with interrupts off"),
                "\(text)")
            #expect(
                failure.contains("\nrip ") == hasRegisters,
                "\(text)")
            #expect(report?.vcpus.count == 1)
        }
    }

    @Test func aTripleFaultIsSaid() throws {
        let (ended, report) = try run("end=triplefault")
        let diagnosis = try #require(report?.vcpus.first?.diagnosis)
        // On AMD's processors the registers are those after INIT: what the lab sees, `tripleFault` of GuestEndTests.
        #expect(diagnosis.hasPrefix("vCPU 0 triple-faulted"))
        #expect(
            (diagnosis.contains("(end_by_triple_fault+0x")
                || diagnosis.contains("has reset its registers since; 0.")))
        #expect(ended.status == 102)
        #expect(ended.errors.contains(diagnosis))
    }

    @Test func theLastExitsAreKept() throws {
        let vcpu = try #require(try run("end=panic").report?.vcpus.first)
        let last = try #require(vcpu.exits.last)
        #expect(last.kind == "port_out")
        #expect(last.address == "0x505")
        #expect(last.value == "0x1")
        #expect((0..<0.3).contains(last.secondsBeforeEnd))
        // The name it says first, a byte an exit: the ring holds them in their order.
        let said = vcpu.exits.filter { $0.kind == "port_out" && $0.address == "0x3f8" }.compactMap {
            UInt8($0.value.dropFirst(2), radix: 16)
        }
        #expect(
            String(decoding: said, as: UTF8.self).hasSuffix("ends: panic\r\n")
                || String(decoding: said, as: UTF8.self).hasSuffix("ends: panic\n"))
        #expect(zip(vcpu.exits, vcpu.exits.dropFirst()).allSatisfy { $0.secondsBeforeEnd >= $1.secondsBeforeEnd })
        #expect(vcpu.exitCount >= vcpu.exits.count)
    }

    @Test func aSpinIsSeenBySamples() throws {
        let vcpu = try #require(try run("end=spin").report?.vcpus.first)
        #expect(vcpu.samples.count > 1)
    }

    @Test func processorsThatWereNeverStarted() throws {
        let report = try #require(try run("end=hang", options: ["--cpus", "3"]).report)
        #expect(
            report.vcpus.map(\.diagnosis)[1...] == [
                "vCPU 1 was never started: it waits for INIT and SIPI",
                "vCPU 2 was never started: it waits for INIT and SIPI",
            ])
        #expect(report.vcpus[0].diagnosis.contains("halted with interrupts off"))
        #expect(report.text.contains("registers of vCPU 0:"))
    }

    @Test func aGuestThatEndsByItselfIsNotExamined() throws {
        for words in ["end=exit value=0", "end=exit value=5", "end=poweroff"] {
            let (ended, report) = try run(words, timeout: "30s")
            #expect(report == nil)
            #expect(!ended.errors.contains("rip "))
        }
    }

    @Test func symbolsOfAnotherFile() throws {
        let map = try directory.file("System.map", Array("0000000000100000 T everything\n".utf8))
        #expect(try run("end=hang", options: ["--symbols", map]).ended.errors.contains("(everything+0x"))
        let placeholder = try directory.file(
            "placeholder",
            Array("ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n".utf8))
        #expect(
            try run("end=hang", options: ["--symbols", placeholder]).ended.errors.contains(
                "\(placeholder) names no symbols: it is Debian's placeholder, "))
        // A file that does not know its size. Who may not see the host's addresses gets none, and is told so.
        let host = try run("end=hang", options: ["--symbols", "/proc/kallsyms"]).ended
        let isShown = try String(decoding: readFile("/proc/kallsyms"), as: UTF8.self).split(separator: "\n")
            .contains { $0.contains(" T ") && !$0.hasPrefix("0000000000000000") }
        #expect(host.status == 124)
        #expect(host.errors.contains("names no symbols") != isShown)
        let missing = try run("end=hang", options: ["--symbols", "\(directory.path)/none"]).ended
        #expect(missing.status == 66)
        #expect(
            missing.lastLine
                == "swiftlet: the symbols can't be read from \(directory.path)/none: No such file or directory")
        let junk = try directory.file("junk", [1, 2, 3])
        let ended = try run("end=hang", options: ["--symbols", junk]).ended
        #expect(ended.status == 124)
        #expect(
            ended.errors.contains(
                "\(junk) names no symbols: it is neither an ELF file with a symbol table nor a System.map"))
    }
}
