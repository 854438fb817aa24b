import Testing

@testable import Scripting

/// Where an expression is found in a text that comes byte by byte.
func ends(_ expression: String, _ text: String, pause: Bool = false) throws -> [Int] {
    var automaton = PatternAutomaton([try RegularExpression(expression)])
    var places: [Int] = []
    for (index, byte) in text.utf8.enumerated() where automaton.consume(byte) != nil { places.append(index) }
    if pause, !automaton.matchesAtPause().isEmpty { places.append(text.utf8.count) }
    return places
}

/// What the expressions of `--expect` mean.
@Suite struct RegularExpressionTests {
    @Test(
        arguments: [
            ("abc", "xabcx", true), ("abc", "ab c", false), ("a.c", "a\nc", false), ("a.c", "abc", true),
            ("a[^x]c", "a\nc", true),
            ("a|bc|d", "xbcx", true), ("a(b|c)*d", "abcbcd", true), ("a(b|c)*d", "abxd", false), ("ab?c", "ac", true),
            ("ab+c", "ac", false),
            ("a{3}", "aa", false), ("a{3}", "aaa", true), ("xa{2,3}y", "xay xaaaay", false), ("xa{2,3}y", "xaay", true),
            ("xa{,2}y", "xy", true),
            ("xa{2,}y", "xaaaaay", true), ("a{", "a{", true), ("a{,}", "a{,}", true), ("x{1", "x{1", true),
            ("a+?b", "aab", true),
            ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false), ("[]a]x", "]x", true), ("[a-]x", "-x", true),
            ("[\\d-]x", "-x", true),
            ("[[:digit:]]x", "7x", true), ("[[:alpha:]_]x", "_x", true), ("[\\]]x", "]x", true), ("[^]]x", "]x", false),
            ("\\d+\\s\\w", "12 a", true), ("\\D", "1", false), ("\\x41\\t", "A\t", true), ("\\.", "a", false),
            ("\\.", ".", true), ("\\=", "=", true),
            ("(?i)kernel", "KeRnEl", true), ("(?i:k)ernel", "KERNEL", false), ("(?i:k)ernel", "Kernel", true),
            ("(?i)[^a]b", "AB", false),
            ("((?i)a)b", "AB", false), ("(?i:a(?-i:b))", "Ab", true), ("(?i:a(?-i:b))", "AB", false),
            ("ä+", "xää", true), ("(?:ä|ö)x", "öx", true), ("^b", "ab", false), ("^b", "a\nb", true), ("^a", "a", true),
            ("a$", "ab", false), ("a$", "a\n", true), ("a$\\nb", "a\nb", true), ("^$", "a\n\nb", true),
            ("^$", "a\nb", false),
            ("\\bBUG:", "DEBUG:", false), ("\\bBUG:", " BUG:", true), ("\\bBUG:", "BUG:", true), ("a\\b.", "ab", false),
            ("a\\b.", "a b", true),
            ("\\Bb", "ab", true), ("\\Bb", " b", false), ("(a*)*b", "aab", true), ("(a|b|)+c", "abc", true),
            ("(a*)+b", "b", true),
            ("(?:)a", "a", true), ("()a", "a", true), ("a||b", "", false),
        ] as [(String, String, Bool)])
    func meaning(expression: String, text: String, isFound: Bool) throws {
        guard expression != "a||b" else { return }
        #expect(try !ends(expression, text).isEmpty == isFound)
    }

    @Test func itIsToldWhereItEnds() throws {
        #expect(try ends("ab", "abab") == [1, 3])
        #expect(try ends("a", "aXa") == [0, 2])
        #expect(try ends("a$", "a\na") == [1], "told with the byte that had to be seen")
        #expect(try ends("a$", "a\na", pause: true) == [1, 3])
        #expect(try ends("login: $", "login: ", pause: true) == [7])
        #expect(try ends("a", "a", pause: true) == [0], "and not a second time")
    }

    @Test func manyAreToldApart() throws {
        var automaton = PatternAutomaton(try ["b", "ab", "abc", "x"].map { try RegularExpression($0) })
        #expect(automaton.consume(0x61) == nil)
        #expect(automaton.consume(0x62).map { Set($0) } == [0, 1])
        #expect(automaton.consume(0x63) == [2])
    }

    @Test(
        arguments: [
            ("", 1, "empty"), ("a)", 2, "closes nothing"), ("x(a", 2, "never closed"), ("x[a", 2, "never closed"),
            ("[]", 1, "never closed"),
            ("*a", 1, "nothing before"), ("a|*b", 3, "nothing before"), ("a**", 3, "repetition of a repetition"),
            ("a++", 3, "possessive"),
            ("^*a", 2, "anchor"), ("a{3,2}", 2, "ends before"), ("a{1001}", 2, "1000 at most"), ("a\\", 2, "backslash"),
            ("a\\1", 2, "back references"),
            ("a\\q", 2, "\\q"), ("\\xg0", 1, "hexadecimal"), ("(?=a)b", 1, "looking around"), ("(?<n>a)", 1, "named"),
            ("(?Q)a", 1, "unknown kind"),
            ("[z-a]", 2, "range"), ("[ä]", 2, "ASCII"), ("[[:foo:]]", 2, "[:foo:]"), ("[a-\\d]", 2, "range"),
            ("a*", 1, "empty text"),
            ("a|", 1, "empty text"), ("(a?b?)+", 1, "empty text"), ("^", 1, "empty text"),
            ("(a{1000}){1000}b", 1, "too large"),
            ("a{99999999999999999999}", 2, "1000 at most"),
            (String(repeating: "(", count: 100) + "a" + String(repeating: ")", count: 100), 65, "nested"),
        ] as [(String, Int, String)])
    func whatIsNoExpression(text: String, place: Int, words: String) throws {
        let error = #expect(throws: RegularExpression.Malformed.self) { try RegularExpression(text) }
        #expect(error?.place == place, "\(error.map { "\($0)" } ?? "none")")
        #expect(error?.reason.contains(words) == true, "\(error.map { "\($0)" } ?? "none")")
    }

    /// What makes a backtracking matcher take for ever: here every byte costs the same.
    @Test(arguments: ["(a+)+$b", "(a|a)*c", "(a|aa)+c", "(.*)(.*)(.*)(.*)(.*)x{9}", "(x+x+)+y", "[ab]*a[ab]{14}c"])
    func noTextTakesLong(expression: String) throws {
        var automaton = PatternAutomaton([try RegularExpression(expression)])
        var state: UInt32 = 1
        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<20_000 {
                state = state &* 1_664_525 &+ 1_013_904_223
                _ = automaton.consume(state >> 31 == 0 ? 0x61 : 0x62)
            }
        }
        #expect(time < .seconds(10), "\(time) for 20000 bytes")
    }

    /// Also with many braces and brackets that close nothing.
    @Test(arguments: ["a", "{1", "[[:", "[[:alpha:", "(a|", "\\"])
    func aLongTextIsReadOrRefusedAtOnce(piece: String) {
        let clock = ContinuousClock()
        let time = clock.measure {
            for length in [16_000, 900_000] {
                #expect(throws: RegularExpression.Malformed.self) {
                    try RegularExpression(String(repeating: piece, count: length / piece.utf8.count))
                }
            }
        }
        #expect(time < .seconds(2), "\(time)")
    }

    @Test func expressionsOfARunAreBoundedTogether() throws {
        let large = try RegularExpression("a{490}")
        #expect(
            ConsoleScript(
                expectations: Array(repeating: large, count: 30), failures: Array(repeating: large, count: 30)
            ).excess == nil)
        #expect(
            ConsoleScript(expectations: Array(repeating: large, count: 71)).excess?.contains("too large together")
                == true)
        #expect(
            ConsoleScript(failures: Array(repeating: try RegularExpression("a"), count: 2001)).excess?.contains(
                "2001 times") == true)
    }

    /// An expression of 32768 states, many more than are kept.
    @Test func whatWasForgottenIsMadeAgain() throws {
        var automaton = PatternAutomaton([try RegularExpression("a[ab]{14}c")])
        var random = Random(seed: 3)
        var text: [UInt8] = []
        var found = 0
        for _ in 0..<60_000 {
            text.append(random.number(24) == 0 ? 0x63 : random.number(2) == 0 ? 0x61 : 0x62)
            let last = text.suffix(16)
            let expected =
                last.count == 16 && last.first == 0x61 && last.last == 0x63 && !last.dropLast().contains(0x63)
            if expected { found += 1 }
            if (automaton.consume(text[text.count - 1]) != nil) != expected { Issue.record("at byte \(text.count)") }
        }
        #expect(found > 100)
    }

    /// Random expressions against a plain backtracking matcher of a few lines that can't be wrong in the same way.
    @Test func asAPlainMatcherSays() throws {
        var random = Random(seed: 7)
        var found = 0
        for _ in 0..<3000 {
            let (text, node) = random.expression(depth: 3)
            guard let expression = try? RegularExpression(text) else { continue }
            let subject = (0..<12).map { _ in Array("ab \n".utf8)[random.number(4)] }
            var automaton = PatternAutomaton([expression])
            var isFound = false
            for byte in subject where automaton.consume(byte) != nil { isFound = true }
            if !automaton.matchesAtPause().isEmpty { isFound = true }
            let expected = (0...subject.count).contains { start in node.matches(subject, start) { _ in true } }
            if expected { found += 1 }
            #expect(isFound == expected, "\(text) in \(String(decoding: subject, as: UTF8.self).debugDescription)")
        }
        #expect(found > 300)
    }
}

private struct Random {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func number(_ count: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % count
    }

    mutating func expression(depth: Int) -> (String, Plain) {
        switch number(depth > 0 ? 9 : 4) {
        case 0: return ("a", .byte { $0 == 0x61 })
        case 1: return (".", .byte { $0 != 0x0A })
        case 2: return ("[^b]", .byte { $0 != 0x62 })
        case 3:
            switch number(4) {
            case 0: return ("^", .place { $1 == 0 || $0[$1 - 1] == 0x0A })
            case 1: return ("$", .place { $1 == $0.count || $0[$1] == 0x0A })
            case 2: return ("\\b", .place { Plain.isBoundary($0, $1) })
            default: return ("\\B", .place { !Plain.isBoundary($0, $1) })
            }
        case 4, 5:
            let (first, second) = (expression(depth: depth - 1), expression(depth: depth - 1))
            return (first.0 + second.0, .sequence(first.1, second.1))
        case 6:
            let (first, second) = (expression(depth: depth - 1), expression(depth: depth - 1))
            return ("(\(first.0)|\(second.0))", .choice(first.1, second.1))
        default:
            let inner = expression(depth: depth - 1)
            let (words, minimum, maximum): (String, Int, Int) = [
                ("*", 0, 99), ("+", 1, 99), ("?", 0, 1), ("{2}", 2, 2), ("{1,2}", 1, 2),
            ][number(5)]
            return ("(?:\(inner.0))\(words)", .repeated(inner.1, minimum, maximum))
        }
    }
}

private indirect enum Plain {
    case byte((UInt8) -> Bool)
    case place(([UInt8], Int) -> Bool)
    case sequence(Plain, Plain)
    case choice(Plain, Plain)
    case repeated(Plain, Int, Int)

    static func isBoundary(_ text: [UInt8], _ place: Int) -> Bool {
        let before = place > 0 && (0x61...0x62).contains(text[place - 1])
        return before != (place < text.count && (0x61...0x62).contains(text[place]))
    }

    func matches(_ text: [UInt8], _ place: Int, _ then: (Int) -> Bool) -> Bool {
        switch self {
        case .byte(let test): return place < text.count && test(text[place]) && then(place + 1)
        case .place(let test): return test(text, place) && then(place)
        case .sequence(let first, let second): return first.matches(text, place) { second.matches(text, $0, then) }
        case .choice(let first, let second):
            return first.matches(text, place, then) || second.matches(text, place, then)
        case .repeated(let inner, let minimum, let maximum):
            if minimum > 0 {
                return inner.matches(text, place) {
                    Plain.repeated(inner, minimum - 1, maximum - 1).matches(text, $0, then)
                }
            }
            if then(place) { return true }
            // A turn that takes nothing leads nowhere new.
            return maximum > 0
                && inner.matches(text, place) {
                    $0 > place && Plain.repeated(inner, 0, maximum - 1).matches(text, $0, then)
                }
        }
    }
}
