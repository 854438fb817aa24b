import Testing

@testable import Scripting

/// Suite files of up to a MiB are read or refused at once, whatever is in them, and what is refused is told in a
/// bounded number of sentences.
@Suite struct SuiteLimitTests {
    private static func times(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }
    private static let boot = "[[boot]]\nname = 'a'\nkernel = 'k'\n"

    private func mistakes(_ text: String) -> [SuiteFile.Mistake] {
        let clock = ContinuousClock()
        var mistakes: [SuiteFile.Mistake] = []
        let time = clock.measure {
            do throws(SuiteFile.Malformed) {
                _ = try SuiteFile(text, directory: "d", checks: .init(option: { _, _ in nil }, file: { _ in nil }))
            } catch { mistakes = error.mistakes }
        }
        // Two seconds in a release; a debug build takes ten times as long.
        #expect(time < .seconds(20), "\(time)")
        #expect(mistakes.count <= 101)
        #expect(mistakes.allSatisfy { $0.description.utf8.count < 4000 })
        return mistakes
    }

    private static let tooMuch: [[String]] = [
        ["\(times("a.", 50_000))a = 1\n", "64 parts"],
        ["[\(times("a.", 50_000))a]\n", "64 parts"],
        ["a = \(times("[", 200_000))", "nested more than 64 deep"],
        ["a = \(times("{a=", 100_000))", "nested more than 64 deep"],
        ["a = \(times("{a.b.c.d=", 20))", "nested more than 64 deep"],
        ["\(boot)append = '\(times("x", 900_000))'\n", "found 900000 bytes"],
        ["\(boot)expect = '\(times("{1", 300_000))'\n", "found 600000 bytes"],
        ["\(times("k", 300_000)) = 1\n", "there is no such key here"],
    ]

    @Test(arguments: 0..<8)
    func whatIsTooMuchIsAMistakeWithItsLine(number: Int) throws {
        let mistake = try #require(mistakes(Self.tooMuch[number][0]).first)
        #expect(mistake.reason.contains(Self.tooMuch[number][1]), "\(mistake)")
        #expect(mistake.line >= 1, "\(mistake)")
    }

    @Test func manyTablesAndManyMistakes() throws {
        #expect(mistakes(Self.times("[[boot]]\n", 30_000)).last?.reason == "and 29900 more mistakes")
        #expect(mistakes((0..<20_000).map { "[t\($0)]\n" }.joined()).last?.reason == "and 19900 more mistakes")
        #expect(
            mistakes((0..<11_000).map { "[[boot]]\nname='\($0)'\nkernel='k'\n" }.joined()).first?.reason.contains(
                "more than 10000 boots") == true)
    }

    @Test func aCommandLineNoProcessTakesIsAMistake() throws {
        let words = Self.boot + "expect = [" + Self.times("'abcdefgh',", 80_000) + "]\n"
        #expect(mistakes(words).first?.reason.contains("longer than 1 MiB") == true)
        let numbers = (1...100).map { "\($0)" }.joined(separator: ",")
        let many =
            Self.boot
                + """
                append = '\(Self.times("x", 130_000))'\n[boot.matrix]\ncpus = [\(numbers)]\nretries = \
                [0,1,2,3,4,5,6,7,8,9]\n
                """
        #expect(mistakes(many).first?.reason.contains("longer than 64 MiB") == true)
    }
}
