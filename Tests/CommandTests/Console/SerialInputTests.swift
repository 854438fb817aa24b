import Glibc
import LinuxSystem
import TestSupport
import Testing

/// What is typed ahead, piped in or answered reaches the guest through the sixteen bytes that its serial port holds.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct SerialInputTests {
    private let kernel: String
    private let text = "a text longer than sixteen bytes"

    init() throws { kernel = try TestKernel.built("serial.elf") }

    @Test func anAnswerOutlivesTheFIFOsReset() throws {
        let ended = try SwiftletProcess.run("run", kernel, "--timeout", "60s", "--send", "ready$=\(text)\\n")
        #expect(ended.status == 0, "\(ended.output)\(ended.errors)")
        #expect(ended.output.contains("serial: got \(text)"), "\(ended.output)\(ended.errors)")
    }

    @Test func whatIsTypedAheadOutlivesTheFIFOsReset() throws {
        let ended = try SwiftletProcess.run("run", kernel, "--timeout", "60s", input: "\(text)\n")
        #expect(ended.status == 0, "\(ended.output)\(ended.errors)")
        #expect(ended.output.contains("serial: got \(text)"), "\(ended.output)\(ended.errors)")
    }

    @Test func noMoreThanSixteenBytesComeInARow() throws {
        let input = String(repeating: "x", count: 60)
        let ended = try SwiftletProcess.run("run", kernel, "--append", "does=burst", "--timeout", "60s", input: input)
        #expect(ended.status == 16, "\(ended.output)\(ended.errors)")
    }

    /// A source without an end stays where it is: a pipe's writer is held up, and memory does not grow.
    @Test func aGuestThatReadsNothingTakesNothingIn() throws {
        var pipe = try Pipe()
        _ = fcntl(pipe.input, F_SETFL, fcntl(pipe.input, F_GETFL) | O_NONBLOCK)
        let arguments = ["run", try TestKernel.built("spins.elf"), "--timeout", "1500ms"]
        let process = try SwiftletProcess(arguments, input: pipe.reading.raw)
        var taken = 0
        let block = [UInt8](repeating: 0x79, count: 4096)
        for _ in 0..<60 {
            let count = block.withUnsafeBytes { write(pipe.input, $0.baseAddress, $0.count) }
            taken += max(count, 0)
            usleep(10_000)
        }
        #expect(try process.wait().status == 124)
        pipe.closeWriting()
        #expect((65_536...65_536 + 4096).contains(taken), "what a pipe holds, and what waits at the port")
    }
}
