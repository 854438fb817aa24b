import FoundationEssentials
import TestSupport
import Testing

/// Kernels that print to a VGA's text memory, or to port 0xe9.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct ScreenTests {
    private struct Report: Decodable {
        struct PostMortem: Decodable { let screen: [String] }

        let postMortem: PostMortem
    }

    private let directory: TemporaryDirectory
    private let kernel: String

    /// Real mode: "O" and byte 1 to the second row at 0xb8000; the cursor's register 15 by one word, read back (else it
    /// ends with an exit value); waits for a retrace to begin and to end; what port 0xe9 reads, "h" and a line feed to
    /// port 0xe9; cli; hlt.
    init() throws {
        let code: [UInt8] = [
            0xB8, 0x00, 0xB8, 0x8E, 0xC0, 0x26, 0xC7, 0x06, 0xA0, 0x00, 0x4F, 0x07, 0x26, 0xC7, 0x06, 0xA2,
            0x00, 0x01, 0x07, 0xBA, 0xD4, 0x03, 0xB8, 0x0F, 0x07, 0xEF, 0x42, 0xEC, 0x2C, 0x07, 0x75, 0x1B,
            0xBA, 0xDA, 0x03, 0xEC, 0xA8, 0x08, 0x74, 0xFB, 0xEC, 0xA8, 0x08, 0x75, 0xFB, 0xE4, 0xE9, 0xE6,
            0xE9, 0xB0, 0x68, 0xE6, 0xE9, 0xB0, 0x0A, 0xE6, 0xE9, 0xFA, 0xF4, 0xE6, 0xF4,
        ]
        directory = try TemporaryDirectory()
        kernel = try directory.file("screen.bin", code)
    }

    @Test func itsTextIsInThePostMortem() throws {
        let path = "\(directory.path)/report.json"
        let ended = try SwiftletProcess.run("run", kernel, "--memory", "1M", "--report", "json:\(path)")
        #expect(ended.status == 124, "\(ended.errors)")
        #expect(ended.lastLine.contains("hang"), "\(ended.errors)")
        #expect(
            ended.errors.contains("text screen at 0xb8000"),
            "\(ended.errors)")
        #expect(
            ended.errors.contains("\nswiftlet:   O☺\n"),
            "\(ended.errors)")
        #expect(ended.output.isEmpty, "nobody asked for port 0xe9")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        #expect(try decoder.decode(Report.self, from: Data(readFile(path))).postMortem.screen == ["O☺"])
    }

    @Test func portE9IsShown() throws {
        let process = try SwiftletProcess([
            "run", kernel, "--memory", "1M", "--debug-console", "e9", "--timeout", "10s",
        ])
        let ended = try process.wait()
        // The first byte is what the port read, 0xe9, which alone is no UTF-8.
        #expect(ended.status == 124, "\(ended.output)")
        #expect(ended.output == "\u{FFFD}h\n", "\(ended.output)")
    }

    @Test func theTestDeviceHasPortE9() throws {
        let ended = try SwiftletProcess.run("run", kernel, "--testdev", "--debug-console", "e9")
        #expect(ended.status == 64)
        #expect(ended.errors.contains("--testdev and --debug-console e9 don't go together"))
    }
}
