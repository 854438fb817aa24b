import Testing

@testable import Scripting

/// What `--send` takes.
@Suite struct ConsoleAnswerTests {
    @Test(
        arguments: [
            ("login: $=root\\n", "login: $", "root\n"), ("a=b=c", "a", "b=c"), ("a\\=b=c", "a\\=b", "c"),
            ("x=\\x03\\r\\t\\e\\\\", "x", "\u{03}\r\t\u{1B}\\"),
            ("ä=ö", "ä", "ö"), ("a\\\\=b", "a\\\\", "b"),
        ] as [(String, String, String)])
    func answers(text: String, expression: String, typed: String) throws {
        let answer = try ConsoleAnswer(text)
        #expect(answer.expression.text == expression)
        #expect(answer.bytes == Array(typed.utf8))
    }

    @Test(
        arguments: [
            ("login", "no ="), ("=x", "no ="), ("a\\=b", "no ="), ("a)=x", "character 2: "),
            ("ab=x\\q", "character 5: "), ("a=\\", "character 3: "),
            ("a=\\x1", "character 3: "), ("a=", "character 2: "), ("", "no ="),
        ] as [(String, String)])
    func whatIsNoAnswer(text: String, words: String) {
        let error = #expect(throws: ConsoleAnswer.Malformed.self) { try ConsoleAnswer(text) }
        #expect(error?.description.contains(words) == true, "\(error.map { "\($0)" } ?? "none")")
    }
}
