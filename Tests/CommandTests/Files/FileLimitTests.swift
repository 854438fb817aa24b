import FoundationEssentials
import LinuxSystem
import TestSupport
import Testing

/// Files that a guest fills end at their limits, and nothing else does.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct FileLimitTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path }

    init() throws { directory = try TemporaryDirectory() }

    /// Writes `count` lines of 1000 bytes, then "the last line", and exits with `value`. A string an exit, so that it
    /// is quick.
    private func floods(_ count: UInt8, value: UInt8 = 0) throws -> String {
        let line = Array(String(repeating: "x", count: 999).utf8) + [10]
        let last = Array("the last line\n".utf8)
        // cld; mov dx, 0x3f8; mov bl, count; l: mov si, line; mov cx, 1000; rep outsb; dec bl; jnz l; mov si, last; mov
        // cx, length; rep outsb; mov al, value; out 0xf4, al; hlt. DS points to the first byte.
        let code: [UInt8] = [
            0xFC, 0xBA, 0xF8, 0x03, 0xB3, count, 0xBE, 0x00, 0x01, 0xB9, 0xE8, 0x03, 0xF3, 0x6E, 0xFE, 0xCB, 0x75, 0xF4,
            0xBE, 0xE8, 0x04, 0xB9,
            UInt8(last.count), 0x00, 0xF3, 0x6E, 0xB0, value, 0xE6, 0xF4, 0xF4,
        ]
        return try directory.file("floods.bin", code + [UInt8](repeating: 0, count: 0x100 - code.count) + line + last)
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try readFile("\(path)/\(name)"), as: UTF8.self)
    }

    /// The guest's verdict stands, what is expected is seen though the file ends before it, and the report counts.
    @Test("a console file ends at its limit and the run continues")
    func consoleFileLimit() throws {
        let ended = try SwiftletProcess.run(
            "run", floods(100), "--console", "file:\(path)/out", "--file-limit", "64K", "--expect", "the last line",
            "--report", "json:\(path)/report")
        #expect(ended.status == 0, "\(ended.errors)")
        let console = try text("out")
        let mark = "swiftlet: this file has reached its limit of 64 KiB (--file-limit); what comes now is not in it\n"
        #expect(console.utf8.count <= 64 << 10)
        #expect(console.utf8.count > 65_000)
        #expect(console.hasSuffix("x\n" + mark))
        let kept = console.utf8.count - mark.utf8.count - (console.dropLast(mark.count + 1).hasSuffix("\n") ? 0 : 1)
        let missing = 100_014 - kept
        let sentence =
            """
            swiftlet: the console's file \(path)/out has reached its limit of 64 KiB (--file-limit): \(missing) \
            bytes are missing in it
            """
        let lines = ended.errors.split(separator: "\n").map(String.init)
        #expect(lines.dropLast().last == sentence, "\(ended.errors)")
        #expect(lines.last?.hasPrefix("swiftlet: passed: ") == true, "\(ended.errors)")
        let report = try WrittenReport(readFile("\(path)/report"))
        #expect(report.console.missing == missing)
        #expect(report.outcome == "passed")
        #expect(report.consoleTail.hasSuffix("the last line\n"))
    }

    @Test func aFileThatIsNotFullIsWholeAndNothingIsSaid() throws {
        let ended = try SwiftletProcess.run(
            "run", floods(60, value: 3), "--console", "file:\(path)/out", "--file-limit", "64K", "--report",
            "json:\(path)/report")
        #expect(ended.status == 3, "\(ended.errors)")
        #expect(!ended.errors.contains("limit"), "\(ended.errors)")
        #expect(try readFile("\(path)/out").count == 60_014)
        #expect(try WrittenReport(readFile("\(path)/report")).console.missing == 0)
    }

    @Test func thereMayBeNoLimit() throws {
        let ended = try SwiftletProcess.run("run", floods(100), "--console", "file:\(path)/out", "--file-limit", "none")
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(!ended.errors.contains("limit"), "\(ended.errors)")
        #expect(try readFile("\(path)/out").count == 100_014)
    }

    /// Standard output is the caller's, and a pipe keeps nothing.
    @Test func whatIsNoFileOfTheRunsHasNoLimit() throws {
        let ended = try SwiftletProcess.run("run", floods(100), "--file-limit", "64K")
        #expect(
            ended.status == 0,
            "\(ended.errors)")
        #expect(
            ended.output.utf8.count == 100_014,
            "\(ended.errors)")
        #expect(
            !ended.errors.contains("limit"),
            "\(ended.errors)")
    }

    /// One file for all boots of a run, and one limit.
    @Test func bootsShareTheLimit() throws {
        // Each says 1000 bytes and resets the machine.
        let line = Array(String(repeating: "y", count: 999).utf8) + [10]
        let code: [UInt8] = [
            0xFC, 0xBA, 0xF8, 0x03, 0xBE, 0x00, 0x01, 0xB9, 0xE8, 0x03, 0xF3, 0x6E, 0xB0, 0xFE, 0xE6, 0x64, 0xF4,
        ]
        let kernel = try directory.file("resets.bin", code + [UInt8](repeating: 0, count: 0x100 - code.count) + line)
        let ended = try SwiftletProcess.run(
            "run", kernel, "--memory", "1M", "--on-reset", "reboot", "--timeout", "15s", "--console",
            "file:\(path)/out", "--file-limit", "64K")
        #expect(ended.status == 124, "\(ended.errors)")
        let size = try readFile("\(path)/out").count
        #expect(size <= 64 << 10, "\(size)")
        #expect(
            size < 65_000 || ended.errors.contains("bytes are missing in it"),
            "a slow host may not come so far: \(ended.errors)")
    }

    @Test(arguments: [true, false])
    func aSuitesLogsEndAtTheirLimit(areKept: Bool) throws {
        _ = try floods(100, value: 1)
        let suite = """
            [[boot]]
            name = "floods"
            kernel = "floods.bin"
            [[boot]]
            name = "passes"
            kernel = "floods.bin"
            status = 1
            [[boot]]
            name = "all"
            kernel = "floods.bin"
            file-limit = "none"
            """
        let file = try directory.file("boots.toml", Array(suite.utf8))
        let logs = areKept ? ["--logs", "\(path)/logs"] : []
        let process = try SwiftletProcess(
            ["suite", file, "--log-limit", "64K", "--report", "junit:\(path)/junit.xml"] + logs)
        let ended = try process.wait()
        let limit = "#   its console's log has reached its limit of 64 KiB (--log-limit): "
        #expect(ended.status == 1, "\(ended.errors)")
        #expect(
            ended.suiteLines.filter { $0.hasPrefix(limit) && $0.hasSuffix(" bytes are missing in it") }.count == 2,
            "\(ended.output)")
        let junit = try text("junit.xml")
        #expect(
            junit.contains("bytes are missing here, of which these are the last\n"),
            "the end is told all the same")
        #expect(
            junit.contains("the last line"),
            "the end is told all the same")
        guard areKept else { return }
        for name in ["floods", "passes"] {
            let log = try text("logs/\(name).log")
            #expect(log.utf8.count <= 64 << 10)
            #expect(log.hasSuffix("(--log-limit); what comes now is not in it\n"))
        }
        #expect(try readFile("\(path)/logs/all.log").count == 100_014)
    }

    private struct Event: Decodable {
        let ph, name: String
    }

    private struct Timeline: Decodable {
        let traceEvents: [Event]
    }

    /// JSON to its last byte, which ends with how the run ended; the verdict stands.
    @Test func aTraceEndsAtItsLimitAndIsWhole() throws {
        let ended = try SwiftletProcess.run(
            "run", floods(250), "--console", "none", "--trace", "\(path)/trace", "--file-limit", "64K", "--report",
            "json:\(path)/report")
        #expect(ended.status == 0, "\(ended.errors)")
        let bytes = try readFile("\(path)/trace")
        #expect(bytes.count <= 64 << 10)
        #expect(bytes.count > 40 << 10)
        let names = try JSONDecoder().decode(Timeline.self, from: Data(bytes)).traceEvents.map(\.name)
        let trace = try #require(try JSONDecoder().decode(Files.self, from: Data(readFile("\(path)/report"))).trace)
        #expect(trace.missing > 0)
        let limit = "its limit of 64 KiB (--file-limit)"
        #expect(names.contains("this file has reached \(limit): what comes now is not in it"))
        #expect(
            Array(names.suffix(2)) == [
                "\(trace.missing) events are not in this file, which has reached \(limit)",
                "passed: the guest wrote 0 to the exit port",
            ])
        #expect(
            ended.errors.contains(
                "swiftlet: the trace \(path)/trace has reached \(limit): \(trace.missing) events are missing in it\n"),
            "\(ended.errors)")
        // An exit is two events, and each line of the console one.
        let exits = try WrittenReport(readFile("\(path)/report")).exits.values.reduce(0, +)
        #expect(UInt64(names.count + trace.missing) + trace.dropped >= 2 * exits + 250)
    }

    private struct Files: Decodable {
        struct Trace: Decodable {
            let dropped: UInt64
            let missing: Int
        }

        struct Recording: Decodable {
            let missing: Int
        }

        let trace: Trace?
        let recording: Recording?
    }

    /// It can be read up to there, and says how much more there was.
    @Test func aRecordingEndsAtItsLimitAndIsRead() throws {
        // Each boot is recorded anew.
        let kernel = try directory.file("resets.bin", [0xB0, 0xFE, 0xE6, 0x64, 0xF4])
        let ended = try SwiftletProcess.run(
            "run", kernel, "--memory", "1M", "--cpus", "4", "--on-reset", "reboot", "--timeout", "10s", "--record",
            "\(path)/record", "--file-limit", "64K",
            "--report", "json:\(path)/report")
        #expect(ended.status == 124, "\(ended.errors)")
        #expect(try readFile("\(path)/record").count <= 64 << 10)
        let recording = try Recording(path: "\(path)/record")
        #expect(recording.missing > 0)
        #expect(recording.lines.count > 20)
        let missing = try JSONDecoder().decode(Files.self, from: Data(readFile("\(path)/report"))).recording?.missing
        #expect(missing == recording.missing)
        let sentence =
            """
            the recording \(path)/record has reached its limit of 64 KiB (--file-limit): \(recording.missing) \
            calls are missing in it
            """
        #expect(ended.errors.contains("swiftlet: \(sentence)\n"), "\(ended.errors)")
    }

    /// What a run takes from its environment is only for those that a suite started.
    @Test func theLimitOfLogsIsASuites() throws {
        let process = try SwiftletProcess(
            ["run", floods(100)], program: "/bin/sh",
            leading: ["-c", "SWIFTLET_LOG_LIMIT=64K exec \"$@\"", "sh", SwiftletProcess.path])
        #expect(try process.wait().output.utf8.count == 100_014)
    }
}
