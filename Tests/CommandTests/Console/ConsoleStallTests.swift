import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Guests that write more than their console's reader takes.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct ConsoleStallTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let line = "of a flood that nobody asked for and that a console has to take all the same"

    /// What floods.elf writes.
    private static func flood(_ lines: Int) -> String {
        (0..<lines).map { "floods: line \($0) \(line)\r\n" }.joined() + "floods: \(lines) lines written\r\n"
    }

    /// A pipe of 4 KiB that nobody reads until the guest has ended by itself, which the trace tells while swiftlet
    /// still waits for the reader.
    @Test("a stalled reader does not block the guest and gets every byte")
    func stalledReader() throws {
        let screen = try Pipe()
        // F_SETPIPE_SZ: the least there is.
        #expect(fcntl(screen.input, 1031, 4096) >= 0)
        let trace = "\(directory.path)/trace.json"
        let process = try SwiftletProcess(
            ["run", TestKernel.built("floods.elf"), "--append", "lines=1000", "--trace", trace, "--timeout", "60s"],
            output: screen.input)
        let hasEnded = try eventually(within: 60) {
            guard access(trace, R_OK) == 0 else { return false }
            return String(decoding: try readFile(trace), as: UTF8.self).contains("\"name\":\"port_out 0xf4\"")
        }
        #expect(hasEnded, "the guest wrote to its exit port though nobody read its console")
        var taken: [UInt8] = []
        let expected = Array(Self.flood(1000).utf8)
        _ = eventually(within: 60) {
            taken += screen.readAvailable()
            return taken.count >= expected.count
        }
        #expect(taken == expected)
        let ended = try process.wait()
        #expect(ended.status == 0)
        #expect(!ended.errors.contains("lost"))
    }

    @Test func stampsAreForTheReaderAlone() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("floods.elf"), "--append", "lines=50", "--console-stamps", "--until", "end",
            "--expect", "^floods: line 49 of",
            "--fail-on", "^\\[ ", "--timeout", "60s")
        #expect(ended.status == 0, "\(ended.errors)")
        let lines = ended.output.split(separator: "\r\n").map(String.init)
        #expect(lines.count == 51)
        var before = 0.0
        for (number, line) in lines.enumerated() {
            let match = try #require(line.wholeMatch(of: #/\[ +([0-9]+\.[0-9]{6})\] (floods: .*)/#))
            let time = try #require(Double(match.1))
            #expect(time >= before)
            #expect(time < 60)
            before = time
            if number < 50 { #expect(match.2 == "floods: line \(number) \(Self.line)") }
        }
    }

    /// A prompt does not end its line: it is shown, with its time, and answered.
    @Test func aPromptIsShownWithItsTimeAndAnswered() throws {
        let ended = try SwiftletProcess.run(
            "run", TestKernel.built("asks.elf"), "--console-stamps", "--send", "login: $=root\\n", "--send",
            "Password: $=a=b\\n", "--timeout", "60s")
        #expect(ended.status == 0, "\(ended.errors) \(ended.output)")
        #expect(ended.output.contains(#/\[ +[0-9.]+\] .*login:/#))
    }
}
