import Testing

@testable import Scripting

@Suite struct VisibleTextTests {
    @Test(arguments: [
        ("plain text, 'quoted' \\ [x] é 日本 😀", "plain text, 'quoted' \\ [x] é 日本 😀"),
        ("\u{1B}[2J\u{1B}]0;title\u{7}", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\nb\r\nc\rd\te", "a\\nb\\r\\nc\\rd e"),
        ("\u{0}\u{7F}\u{85}\u{9B}2J", "\\x00\\x7f\\u{85}\\u{9b}2J"),
        (
            "\u{202E}evil\u{202C}\u{2066}\u{2069}\u{61C}\u{200F}",
            "\\u{202e}evil\\u{202c}\\u{2066}\\u{2069}\\u{61c}\\u{200f}"
        ),
        (
            "\u{2028}\u{2029}\u{200B}\u{200D}\u{FEFF}\u{AD}\u{2060}",
            "\\u{2028}\\u{2029}\\u{200b}\\u{200d}\\u{feff}\\u{ad}\\u{2060}"
        ),
        ("\u{E0041}\u{FE0F}\u{3164}\u{FFFE}\u{10FFFF}", "\\u{e0041}\\u{fe0f}\\u{3164}\\u{fffe}\\u{10ffff}"),
    ])
    func whatIsHiddenBecomesVisible(text: String, line: String) { #expect(VisibleText.line(text) == line) }

    @Test(
        arguments: [
            ([0x61, 0xFF, 0x62], "a\\xffb"), ([0xC3], "\\xc3"), ([0xC3, 0xC3, 0xA4], "\\xc3ä"),
            ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
            ([0xC0, 0x9B], "\\xc0\\x9b"), ([0xE0, 0x80, 0x9B], "\\xe0\\x80\\x9b"),
            ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
            ([0xE2, 0x80, 0x0A], "\\xe2\\x80\\n"), ([0xF0, 0x9F, 0x98, 0x80], "😀"), ([0x9B, 0x32, 0x4A], "\\x9b2J"),
        ] as [([UInt8], String)])
    func bytesThatAreNoCharacterBecomeNumbers(bytes: [UInt8], line: String) {
        #expect(VisibleText.line(bytes: bytes) == line)
    }

    @Test(arguments: [
        ("::error::x", ":\\x3aerror::x"),
        ("  \u{A0}\u{3000}::set-output name=a::b", "  \u{A0}\u{3000}:\\x3aset-output name=a::b"),
        ("a ::error::", "a ::error::"), (":", ":"), ("##[error]x", "##\\x5berror]x"),
        ("a ##vso[task.x]y", "a ##vso\\x5btask.x]y"),
        ("###[group]", "###\\x5bgroup]"), ("#[x] ## [y] ##a#[z]", "#[x] ## [y] ##a#[z]"),
        ("##a##teamcity[x", "##a##teamcity\\x5bx"),
        ("# #[ok]", "# #[ok]"), (":\u{1B}:a", ":\\x1b:a"),
    ])
    func noCISystemIsGivenACommand(text: String, line: String) { #expect(VisibleText.line(text) == line) }

    @Test func linesStayLines() {
        let text = "one\r\n\ttwo\n::add-mask::x\nthree\rover\n\u{1B}c\n"
        #expect(VisibleText.lines(text) == "one\r\n\ttwo\n:\\x3aadd-mask::x\nthree\\rover\n\\x1bc\n")
        #expect(VisibleText.lines("end\r") == "end\\r")
    }

    /// Nothing hidden comes out, whatever goes in and however it is cut.
    @Test func anyBytesInAnyPieces() {
        var random = SystemRandomNumberGenerator()
        let alphabet: [UInt8] = [
            0x0A, 0x0D, 0x1B, 0x23, 0x23, 0x3A, 0x3A, 0x5B, 0x61, 0x20, 0x80, 0x85, 0xAE, 0xC2, 0xE2, 0xED, 0xF0, 0xF3,
            0xFF,
        ]
        for _ in 0..<2000 {
            let bytes = (0..<24).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            let line = VisibleText.line(bytes: bytes)
            #expect(!line.unicodeScalars.contains { VisibleText.isHidden($0) || $0 == "\u{FFFD}" })
            #expect(!line.contains("##["), "\(bytes)")
            #expect(!line.contains("##a["), "\(bytes)")
            #expect(!line.drop { $0 == " " }.hasPrefix("::"), "\(bytes)")
            #expect(VisibleText.line(line) == line)
        }
    }
}
