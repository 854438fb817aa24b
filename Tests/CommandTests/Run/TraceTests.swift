import FoundationEssentials
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// The file of `--trace`, as a JSON parser and a viewer's rules see it.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct TraceTests {
    /// An event of the Chrome trace-event format. Decoding fails where a field has another type.
    struct Event: Decodable {
        struct Arguments: Decodable {
            let kind, address, value, function, register, name, text, bar, offset: String?
        }

        let ph: String
        let ts: Double
        let pid, tid: Int
        let name: String
        let cat, s: String?
        let dur: Double?
        let args: Arguments?
    }

    struct File: Decodable {
        let displayTimeUnit: String
        let traceEvents: [Event]
    }

    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/trace.json"
    }

    /// Reads the trace, and checks what every one must be.
    private func events(sourceLocation: SourceLocation = #_sourceLocation) throws -> [Event] {
        let file = try JSONDecoder().decode(File.self, from: Data(readFile(path)))
        #expect(file.displayTimeUnit == "ns", sourceLocation: sourceLocation)
        var tracks: [Int: [Event]] = [:]
        var named: Set<Int> = []
        for event in file.traceEvents {
            #expect(
                event.pid == 1 && event.ts >= 0 && !event.name.isEmpty || event.cat == "console",
                sourceLocation: sourceLocation)
            switch event.ph {
            case "M":
                #expect(event.args?.name != nil || event.name == "thread_sort_index", sourceLocation: sourceLocation)
                named.insert(event.tid)
            case "i":
                // A mark of its track, not a line through all of them; its text is among the arguments, where viewers
                // show it whole.
                #expect(event.s == "t", sourceLocation: sourceLocation)
                #expect(event.dur == nil, sourceLocation: sourceLocation)
                #expect(event.args?.text == event.name, sourceLocation: sourceLocation)
            case "X":
                #expect((event.dur ?? -1) >= 0, sourceLocation: sourceLocation)
                tracks[event.tid, default: []].append(event)
            default: Issue.record("an event of phase \(event.ph)", sourceLocation: sourceLocation)
            }
        }
        for event in file.traceEvents where !named.contains(event.tid) {
            Issue.record("track \(event.tid) has no name", sourceLocation: sourceLocation)
        }
        for slices in tracks.values {
            let sorted = slices.sorted { ($0.ts, $0.dur ?? 0) < ($1.ts, $1.dur ?? 0) }
            for (one, next) in zip(sorted, sorted.dropFirst()) where one.ts + (one.dur ?? 0) > next.ts + 0.0005 {
                Issue.record("\(one) overlaps \(next)", sourceLocation: sourceLocation)
            }
        }
        return file.traceEvents
    }

    private static func exits(_ events: [Event]) -> [String: UInt64] {
        events.filter { $0.cat == "exit" }.reduce(into: [:]) {
            $0[String($1.name.prefix { $0 != " " }), default: 0] += 1
        }
    }

    @Test func everyExitAndLineOfARunIsThere() throws {
        let report = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("floods.elf"), "--append", "lines=100", "--trace", path, "--report",
            "json:\(report)")
        #expect(ended.status == 0)
        let events = try events()
        let written = try WrittenReport(readFile(report))
        #expect(Self.exits(events) == written.exits)
        #expect(written.exits["port_out"] ?? 0 > 5000)
        #expect(events.count { $0.cat == "guest" } == events.count { $0.cat == "exit" })
        let lines = events.filter { $0.cat == "console" }.map(\.name)
        #expect(lines == ended.output.split(separator: "\r\n").map(String.init))
        #expect(lines.count == 101)
        #expect(events.contains { $0.name == "port_out 0xf4" && $0.args?.address == "0xf4" && $0.args?.value == "0x0" })
        let phases = events.filter { $0.cat == "phase" }
        for name in ["build machine", "load", "run"] {
            #expect(phases.count { $0.name == name && $0.ph == "X" } == 1, "\(name)")
        }
        let first = try #require(phases.first { $0.name == "first instruction" })
        let guest = try #require(events.first { $0.cat == "guest" })
        #expect(first.ts == guest.ts)
        #expect(phases.contains { $0.name == "passed: the guest wrote 0 to the exit port" })
        // Guest and exits fill the vCPU's track without a gap.
        let slices = events.filter { $0.tid == guest.tid && $0.ph == "X" }
        let sum = slices.reduce(0) { $0 + ($1.dur ?? 0) }
        let last = try #require(slices.last)
        #expect(abs(last.ts + (last.dur ?? 0) - guest.ts - sum) < Double(slices.count) * 0.001 + 1)
    }

    @Test("writes to configuration space and interrupt lines have names")
    func configurationWrites() throws {
        #expect(try SwiftletProcess.run("run", TestKernel.built("pci.elf"), "--trace", path).status == 0)
        let writes = try events().filter { $0.cat == "config" }
        #expect(
            writes.contains {
                $0.name == "config write 00:01.0 0x10" && $0.args?.function == "00:01.0" && $0.args?.register == "0x10"
            })
        #expect(!writes.contains { $0.name == "config write 00:01.0 0x11" })
        #expect(
            try SwiftletProcess.run("run", TestKernel.built("echo.elf"), "--trace", path, input: "quit\n").status == 0)
        let names = try events().filter { $0.cat == "interrupt" }.map(\.name)
        #expect(names.first { $0.hasPrefix("GSI 4") } == "GSI 4 raised")
        #expect(names.contains("GSI 4 lowered"))
    }

    private static func seconds(_ events: [Event], _ category: String) -> Double {
        events.filter { $0.cat == category }.reduce(0) { $0 + ($1.dur ?? 0) } / 1e6
    }

    @Test func aHaltIsNotTheGuestsTime() throws {
        for (end, status) in [("hang", Int32(124)), ("spin", 124)] {
            let ended = try SwiftletProcess.run(
                "run", TestKernel.built("ends.elf"), "--append", "end=\(end)", "--timeout", "1s", "--trace", path)
            #expect(ended.status == status)
            let events = try events()
            let (guest, halted, waiting) = (
                Self.seconds(events, "guest"), Self.seconds(events, "halted"), Self.seconds(events, "waiting")
            )
            // Which of the two it is depends on nobody else: a host without a free processor makes the guest wait for
            // one, and that has its own name.
            if end == "hang" {
                #expect(halted > 0.5, "\(guest) \(halted) \(waiting)")
                #expect(guest < 0.2, "\(guest) \(halted) \(waiting)")
            } else {
                #expect(halted < 0.05, "\(guest) \(halted) \(waiting)")
                #expect(guest + waiting > 0.5, "\(guest) \(halted) \(waiting)")
            }
            #expect(events.filter { $0.cat == "halted" }.allSatisfy { $0.name == "halted" && $0.tid == 100 })
        }
    }

    @Test func anAccessToABARIsNamedAfterIt() throws {
        // The test device's function in slot 31. mov eax, 0x8000f814; mov dx, 0xcf8; out dx, eax; mov dx, 0xcfc; in
        // eax, dx; and al, 0xfc; mov dx, ax; add dx, 4; in ax, dx; mov al, 0; out 0xf4, al; hlt
        let code: [UInt8] = [
            0x66, 0xB8, 0x14, 0xF8, 0x00, 0x80, 0xBA, 0xF8, 0x0C, 0x66, 0xEF, 0xBA, 0xFC, 0x0C, 0x66, 0xED, 0x24, 0xFC,
            0x89, 0xC2, 0x83, 0xC2, 0x04,
            0xED, 0xB0, 0x00, 0xE6, 0xF4, 0xF4,
        ]
        let kernel = try directory.file("bar.bin", code)
        let ended = try SwiftletProcess.run(
            "run", kernel, "--memory", "1M", "--testdev", "--timeout", "60s", "--trace", path)
        #expect(ended.status == 0)
        let access = try #require(try events().first { $0.args?.bar != nil })
        #expect(access.name == "port_in test device BAR 1 + 0x4")
        #expect(access.cat == "exit")
        #expect(access.args?.bar == "test device BAR 1")
        #expect(access.args?.offset == "0x4")
        #expect(access.args?.value == "0x80")
        #expect(try events().contains { $0.name == "port_out 0xf4" && $0.args?.bar == nil })
    }

    @Test func severalProcessorsHaveATrackEach() throws {
        #expect(
            try SwiftletProcess.run(
                "run", TestKernel.built("smp.elf"), "--cpus", "3", "--append", "cpus=3", "--trace", path
            ).status == 0)
        let names = try events().filter { $0.name == "thread_name" }.compactMap { $0.args?.name }
        #expect(names == ["run", "console", "interrupts", "vCPU 0", "vCPU 1", "vCPU 2"])
    }

    /// Every byte there is, quotes, backslashes and half characters, in one line or each in its own.
    @Test(arguments: [true, false])
    func whateverAGuestSaysTheFileIsJSON(isOneLine: Bool) throws {
        // mov dx, 0x3f8; mov al, 0; l: out dx, al; inc al; jnz l; mov al, 0; out 0xf4, al; hlt. Or with mov ah, al; mov
        // al, 10; out dx, al; mov al, ah.
        let code: [UInt8] =
            isOneLine
            ? [0xBA, 0xF8, 0x03, 0xB0, 0x00, 0xEE, 0xFE, 0xC0, 0x75, 0xFB, 0xB0, 0x00, 0xE6, 0xF4, 0xF4]
            : [
                0xBA, 0xF8, 0x03, 0xB0, 0x00, 0xEE, 0x88, 0xC4, 0xB0, 0x0A, 0xEE, 0x88, 0xE0, 0xFE, 0xC0, 0x75, 0xF4,
                0xB0, 0x00, 0xE6, 0xF4, 0xF4,
            ]
        let kernel = try directory.file("bytes.bin", code)
        let ended = try SwiftletProcess.run("run", kernel, "--memory", "1M", "--trace", path, "--timeout", "60s")
        #expect(ended.status == 0)
        let lines = try events().filter { $0.cat == "console" }.map(\.name)
        if isOneLine {
            #expect(
                lines.contains {
                    $0.contains("!\"#$%&'()*+,-./") && $0.contains("[\\]") && $0.contains("\u{1F}")
                        && $0.contains("\u{FFFD}")
                })
        } else {
            #expect(lines.contains("\""))
            #expect(lines.contains("\\"))
            #expect(lines.contains("\u{FFFD}"))
            #expect(lines.contains("\u{1}"))
        }
    }

    @Test func timeAndSignalsLeaveAWholeFile() throws {
        let timeout = try SwiftletProcess.run(
            "run", TestKernel.built("ends.elf"), "--append", "end=spin", "--timeout", "300ms", "--trace", path)
        #expect(timeout.status == 124)
        #expect(try events().contains { $0.name.hasPrefix("timeout: ") })
        for signal in [SIGTERM, SIGKILL] {
            unlink(path)
            let process = try SwiftletProcess([
                "run", TestKernel.built("floods.elf"), "--console", "none", "--trace", path,
            ])
            try #require(eventually { (try? readFile(path).count) ?? 0 > 100_000 })
            process.child.signal(signal)
            #expect(try process.wait().status == (signal == SIGTERM ? 143 : -SIGKILL))
            #expect(try events().count { $0.cat == "exit" } > 100, "signal \(signal)")
        }
    }

    @Test("a run that does not start leaves a complete file; a file that can't be created is reported")
    func earlyEnd() throws {
        #expect(try SwiftletProcess.run("run", "/nonexistent.elf", "--trace", path).status == 66)
        _ = try events()
        let refused = try SwiftletProcess.run(
            "run", TestKernel.built("hello.elf"), "--trace", "/nonexistent/trace.json")
        #expect(refused.status == 73)
        #expect(
            refused.lastLine
                == "swiftlet: the trace can't be written to /nonexistent/trace.json: No such file or directory")
        let full = try SwiftletProcess.run(
            "run", TestKernel.built("hello.elf"), "--append", "exit=5", "--trace", "/dev/full")
        #expect(full.status == 73)
        #expect(full.lastLine == "swiftlet: the trace can't be written to /dev/full: No space left on device")
    }

    /// The file's reader takes nothing for a while: what finds no room meanwhile is counted and said, and nothing else
    /// is harmed.
    @Test func whatFindsNoRoomIsCountedAndSaid() throws {
        var screen = try Pipe()
        let report = "\(directory.path)/report.json"
        let process = try SwiftletProcess(
            [
                "run", TestKernel.built("exits.elf"), "--append", "n=100000", "--trace", "/dev/stdout", "--console",
                "file:\(directory.path)/console",
                "--report",
                "json:\(report)",
            ], output: screen.input)
        screen.closeWriting()
        // The guest's console is a file here: its last line says that it has ended, though the trace's writer waits for
        // its reader.
        try #require(eventually(within: 120) { ((try? directory.contents("console")) ?? []).count > 20 })
        var bytes: [UInt8] = []
        while let chunk = screen.readChunk(), !chunk.isEmpty { bytes += chunk }
        let ended = try process.wait()
        _ = try directory.file("trace.json", bytes)
        let events = try events()
        let all = try WrittenReport(readFile(report)).exits.values.reduce(0, +)
        let missing = try #require(
            ended.errors.firstMatch(of: #/swiftlet: ([0-9]+) events are missing in the trace/#).flatMap { UInt64($0.1) }
        )
        #expect(UInt64(events.count { $0.cat == "exit" }) + missing == all)
        #expect(events.contains { $0.name == "\(missing) events were dropped in all" })
        #expect(ended.status == 0)
    }
}
