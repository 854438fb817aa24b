import Testing

@testable import Scripting

@Suite struct TOMLTests {
    /// A value as a text of its own, kinds marked.
    private func told(_ value: TOMLValue) -> String {
        switch value.content {
        case .string(let text): "s(\(text))"
        case .integer(let number): "i\(number)"
        case .float(let number): "f\(number)"
        case .boolean(let truth): "\(truth)"
        case .date(let text): "d(\(text))"
        case .array(let elements): "[\(elements.map(told).joined(separator: " "))]"
        case .table(let table): told(table)
        }
    }

    private func told(_ table: TOMLTable) -> String {
        "{\(table.entries.map { "\($0.key)@\($0.line)=\(told($0.value))" }.joined(separator: " "))}"
    }

    @Test(arguments: [
        ("a = 1\nb = -2 # c\n\n'c d' = 0x_f".replacing("x_", with: "x"), "{a@1=i1 b@2=i-2 c d@4=i15}"),
        (#"a = "x\ty\u00e9\\\"" "#, "{a@1=s(x\tyé\\\")}"), (#"a = '\d+ "'"#, #"{a@1=s(\d+ ")}"#),
        ("a = '''\n\\d\n'x''''\nb = 1", "{a@1=s(\\d\n'x') b@4=i1}"),
        ("a = \"\"\"x \\\n   y\\n\"\"\"\nb = 1", "{a@1=s(x y\n) b@3=i1}"),
        ("a = [ 1, # one\n  2,\n]\nb = [[], ['x']]", "{a@1=[i1 i2] b@4=[[] [s(x)]]}"),
        ("a.b.c = 1\na.b.d = true", "{a@1={b@1={c@1=i1 d@2=true}}}"),
        (
            "[a]\nx = 1\n[a.b]\ny = 2\n[[c]]\n[[c]]\nz = 3\n[c.d]\nw = 4",
            "{a@1={x@2=i1 b@3={y@4=i2}} c@5=[{} {z@7=i3 d@8={w@9=i4}}]}"
        ),
        ("[a.b]\n[a]\nx = 1", "{a@1={b@1={} x@3=i1}}"), ("a = {x = 1, y.z = 'q'}", "{a@1={x@1=i1 y@1={z@1=s(q)}}}"),
        ("a = 1_000\nb = 1.5e3\nc = -inf\nd = 0o17\ne = 0b11", "{a@1=i1000 b@2=f1500.0 c@3=f-inf d@4=i15 e@5=i3}"),
        ("a = 2026-01-02 03:04:05Z\nb = 07:08:09", "{a@1=d(2026-01-02 03:04:05Z) b@2=d(07:08:09)}"),
        ("\u{FEFF}a = 1\r\nb = 2\r\n", "{a@1=i1 b@2=i2}"),
        ("", "{}"), ("# nothing", "{}"),
    ])
    func isRead(_ text: String, _ expected: String) throws {
        #expect(told(try TOMLDocument(text).root) == expected)
    }

    @Test(arguments: [
        ("a = 1\na = 2", 2, "a is there already, as an integer in line 1"), ("[a]\n[a]", 2, "a is there already"),
        ("a = 1\n[a]", 2, "already"),
        ("a = [1]\n[[a]]", 2, "already"), ("a = {}\na.b = 1", 2, "already"), ("[a]\nb.c = 1\n[a.b]", 3, "already"),
        ("a = \"x", 1, "\" to end the string"),
        ("\na = \"x\ny\"", 2, "found the line's end"), ("a = '''x\n\n", 1, "never closed"),
        ("a = [1, 2", 1, "] to end the array"), ("a = [1 2]", 1, ", or ]"),
        ("a = {x = 1", 1, ", or }"), ("a 1", 1, "= after the key a"),
        ("a = hello", 1, "hello is no value; a string stands in quotation marks"),
        ("a = \"\\d\"", 1, "single quotes"), ("a = \"\\ud800\"", 1, "4 hexadecimal digits"),
        ("a = 1 2", 1, "the line's end"),
        ("[a\nb = 1", 1, "] to end the header"),
        ("a = 012", 1, "012 is no value"), ("a = 1__0", 1, "no value"), ("a = 1T03:04:05", 1, "no value"),
        ("a = 2026-02-30", 1, "no value"),
        ("a = 07:60:00", 1, "no value"), ("a = 2026-01-02T03:04:05+1", 1, "no value"),
        ("a = 9223372036854775808", 1, "no value"),
        // A number as long as a date takes no part of what follows it; a date's blank may be the last there is.
        ("a = -123456789 x", 1, "found \"x\""), ("a = 1234567890 1", 1, "found \"1\""),
        ("a = 2026-11-2 07:00:00", 1, "2026-11-2 is no value"), ("a = 2026-11-27 x", 1, "found \"x\""),
        ("a =", 1, "a value, found the file's end"),
        ("a = 'x\u{1}'", 1, "a control character"), ("= 1", 1, "a key"),
        ("a = \(String(repeating: "[", count: 100_000))", 1, "more than 64 deep"),
        ("# x\u{0}\n", 1, "a control character"),
    ])
    func isRefused(_ text: String, _ line: Int, _ reason: String) {
        #expect {
            _ = try TOMLDocument(text)
        } throws: { error in
            guard let error = error as? TOMLDocument.Malformed else { return false }
            return error.line == line && error.reason.contains(reason)
        }
    }

    /// A date and a time are parted by a blank, and so is a date from the file's end.
    @Test(arguments: ["2026-11-27", "2026-11-27 ", "2026-11-27 # x", "2026-11-27 07:08:09", "2026-11-27T07:08:09"])
    func aDateIsTaken(_ text: String) throws {
        _ = try TOMLDocument("a = \(text)")
        _ = try TOMLDocument("a = [\(text)\n]\nb = \(text)\nc = 1")
    }

    @Test func standsAnything() {
        let pieces = [
            "a", "=", "[", "]", "{", "}", "\"", "'", "\\", "\n", "#", ".", ",", "1", "0x", "\"\"\"", "'''", "\r", " ",
            "\u{0}", "é", "-", ":", "true",
        ]
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count]
            }
            _ = try? TOMLDocument(text)
        }
    }
}
