import Testing

@testable import Scripting

/// What is left of a console's bytes.
@Suite struct ConsoleTextTests {
    private func said(_ bytes: String) -> String {
        var text = ConsoleText()
        var result: [UInt8] = []
        for byte in bytes.utf8 { text.process(byte) { result.append($0) } }
        return String(decoding: result, as: UTF8.self)
    }

    @Test(
        arguments: [
            ("plain\n", "plain\n"), ("a\r\nb\r\r\nc", "a\nb\nc"), ("10%\r20%\r\n", "10%\n20%\n"),
            ("\u{1B}[1;31mred\u{1B}[0m!", "red!"),
            ("\u{1B}[?25l\u{1B}[2J\u{1B}[10;20Hat", "at"), ("\u{1B}]0;title\u{07}text", "text"),
            ("\u{1B}]0;title\u{1B}\\text", "text"),
            ("\u{1B}(Bplain", "plain"), ("\u{1B}cplain", "plain"), ("\u{1B}Pq#0\u{1B}\\x", "x"),
            ("a\u{07}b\u{00}c\u{08}", "abc"), ("a\tb", "a\tb"),
            ("log\u{1B}[0min:\u{1B}[6n ", "login: "), ("\u{1B}[31", ""), ("\u{1B}[31\nnext", "\nnext"),
            ("\u{1B}]0;never\nnext", "\nnext"),
            ("\u{1B}]0;\u{1B}[1mbold", "bold"), ("ä€", "ä€"),
        ] as [(String, String)])
    func escapeSequencesGo(bytes: String, text: String) { #expect(said(bytes) == text) }

    @Test func aSequenceThatNeverEndsHidesLittle() {
        #expect(said("\u{1B}]" + String(repeating: "x", count: 300) + "panic").hasSuffix("panic"))
        #expect(said("\u{1B}[" + String(repeating: "1", count: 300) + "panic").hasSuffix("panic"))
    }
}
