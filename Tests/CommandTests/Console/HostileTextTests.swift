import Glibc
import TestSupport
import Testing

@testable import Scripting
@testable import swiftlet

/// What a guest, a name or a file says never does anything to the terminal or the CI system that shows swiftlet's own
/// words and reports.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct HostileTextTests {
    /// Clears a screen, rings, turns a line around, hides, and asks two CI systems for something.
    static let hostile =
        "::error::\u{1B}[2J\u{7}\u{9B}31m\u{85}\u{202E}gpj\u{2028}\u{200B}##vso[task.complete]##[error]"
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A guest that says some bytes and writes a value to the exit port.
    /// mov dx, 0x3f8; mov si, text; mov cx, count; cld; l: lodsb; out dx, al; loop l; mov al, value; out 0xf4, al; hlt
    private func says(_ bytes: [UInt8], _ value: UInt8, name: String = "says.bin") throws -> String {
        let count = [UInt8(bytes.count & 0xFF), UInt8(bytes.count >> 8)]
        let code: [UInt8] =
            [0xBA, 0xF8, 0x03, 0xBE, 19, 0, 0xB9] + count + [
                0xFC, 0xAC, 0xEE, 0xE2, 0xFC, 0xB0, value, 0xE6, 0xF4, 0xF4,
            ]
        return try directory.file(name, code + bytes)
    }

    private func expectPlain(_ text: String, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation) {
        for line in text.utf8.split(separator: 10).map({ String($0) ?? "not UTF-8" }) {
            let hidden = line.unicodeScalars.filter { VisibleText.isHidden($0) }.map { String($0.value, radix: 16) }
            #expect(hidden.isEmpty, what, sourceLocation: sourceLocation)
            #expect(
                !line.contains("##vso["), what,
                sourceLocation: sourceLocation)
            #expect(
                !line.contains("##["), what,
                sourceLocation: sourceLocation)
            #expect(
                !line.hasPrefix("::"), what,
                sourceLocation: sourceLocation)
        }
    }

    @Test func theLastWordsAndTheReportAreText() throws {
        let kernel = try says(Array("\(Self.hostile)\r\n\(Self.hostile) end\r\n".utf8) + [0xFF, 0x0A], 1)
        for format in ["json", "junit", "tap"] {
            let report = "\(directory.path)/report.\(format)"
            let ended = try SwiftletProcess.run(
                "run", kernel, "--memory", "1M", "--console", "none", "--fail-on", "gpj.* end", "--report",
                "\(format):\(report)",
                "--trace", "\(directory.path)/trace", "--timeout", "60s")
            #expect(ended.status == 1)
            #expect(
                ended.errors.contains("console: :\\x3aerror")
                    || ended.errors.contains("console: ::error::\\x1b[2J\\x07"), "\(ended.errors)")
            #expect(ended.errors.contains("\\u{202e}gpj"))
            expectPlain(ended.errors, "standard error")
            let text = String(decoding: try readFile(report), as: UTF8.self)
            #expect(!text.unicodeScalars.contains { $0 != "\n" && VisibleText.isHidden($0) }, "\(format)")
            #expect(text.contains(format == "junit" ? "\\u{202e}gpj" : "\\u202egpj"), "\(text)")
        }
        #expect(try readFile("\(directory.path)/trace").allSatisfy { $0 == 0x0A || 0x20..<0x7F ~= $0 })
    }

    @Test func namesAreText() throws {
        for name in ["nothing\u{1B}[2J\u{202E}##[error]", "line\n::error::x"] {
            let path = "\(directory.path)/\(name)"
            let symbols = ["run", try TestKernel.built("hello.elf"), "--symbols", path]
            for arguments in [["run", path], symbols, ["suite", path], ["lab", "--kernel", path, "true"]] {
                let ended = try SwiftletProcess(arguments).wait()
                #expect(ended.status != 0)
                #expect(!ended.errors.isEmpty)
                expectPlain(ended.errors, "\(arguments)")
            }
        }
    }

    @Test func aSuiteSaysTextAlone() throws {
        _ = try says(Array("\(Self.hostile) end\n".utf8), 1)
        let suite = try directory.file(
            "boots.toml",
            Array(
                #"""
                [[boot]]
                name = "\u001b[2J\u202e##vso[x]"
                kernel = "says.bin"
                memory = "1M"
                fail-on = ["gpj.* end"]
                timeout = "60s"
                """#.utf8))
        let ended = try SwiftletProcess.run("suite", suite, "--report", "jsonl:\(directory.path)/boots.jsonl")
        #expect(
            ended.status == 1,
            "\(ended.output)\(ended.errors)")
        #expect(
            ended.output.contains("FAIL \\x1b[2J\\u{202e}##vso\\x5bx]"),
            "\(ended.output)\(ended.errors)")
        expectPlain(ended.output, "standard output")
        expectPlain(ended.errors, "standard error")
        expectPlain(
            String(decoding: try readFile("\(directory.path)/boots.jsonl"), as: UTF8.self).replacing("##", with: ""),
            "report")
    }

    @Test func theConsoleCanBeQuoted() throws {
        let kernel = try says(Array("\(Self.hostile)\n\tä\r\n::stop\rx".utf8) + [0xE2, 0x80], 0)
        let raw = try SwiftletProcess.run("run", kernel, "--memory", "1M", "--timeout", "60s")
        #expect(raw.status == 0, "the console itself is as the guest wrote it")
        #expect(raw.output.contains(Self.hostile), "the console itself is as the guest wrote it")
        let ended = try SwiftletProcess.run(
            "run", kernel, "--memory", "1M", "--timeout", "60s", "--console", "quoted", "--expect", "\u{1B}|gpj")
        let first =
            """
            :\\x3aerror::\\x1b[2J\\x07\\u{9b}31m\\u{85}\\u{202e}gpj\\u{2028}\\u{200b}\
            ##vso\\x5btask.complete]##\\x5berror]\n
            """
        #expect(ended.status == 0, "\(ended.output)")
        #expect(ended.output == first + "\tä\r\n:\\x3astop\\rx\\xe2\\x80", "\(ended.output)")
        let stamped = try SwiftletProcess.run(
            "run", kernel, "--memory", "1M", "--timeout", "60s", "--console", "quoted", "--console-stamps")
        #expect(
            stamped.status == 0,
            "\(stamped.output)")
        #expect(
            stamped.output.hasPrefix("[    "),
            "\(stamped.output)")
        #expect(
            stamped.output.contains("] ::error::\\x1b"),
            "\(stamped.output)")
        expectPlain(stamped.output.replacing("\t", with: "").replacing("\r\n", with: "\n"), "stamped")
    }
}
