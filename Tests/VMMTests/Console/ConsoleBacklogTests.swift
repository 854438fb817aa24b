import Glibc
import TestSupport
import Testing

@testable import VMM

@Suite struct ConsoleBacklogTests {
    private static func pattern(_ range: Range<Int>) -> [UInt8] {
        range.map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    }

    private static func append(_ bytes: [UInt8], to backlog: inout ConsoleBacklog) -> Bool {
        bytes.withUnsafeBytes { backlog.append($0) }
    }

    /// Takes what a reader would that takes `limit` bytes at a time.
    private static func take(_ limit: Int, from backlog: inout ConsoleBacklog) -> [UInt8] {
        var taken: [UInt8] = []
        backlog.withOldest { bytes in
            taken = Array(bytes.prefix(limit))
            return taken.count
        }
        return taken
    }

    /// Small bounds, so that bytes go through memory and file, and around the file's ring many times.
    @Test func everyByteComesOutInOrderWhereverItLay() {
        var backlog = ConsoleBacklog(memoryLimit: 100, fileLimit: 1000)
        var (put, taken) = (0, 0)
        var random = SystemRandomNumberGenerator()
        var wasFull = false
        while taken < 50_000 {
            let count = Int.random(in: 1...150, using: &random)
            if Self.append(Self.pattern(put..<put + count), to: &backlog) { put += count } else { wasFull = true }
            #expect(
                backlog.count == put - taken,
                "memory, the file, and what was fetched from it")
            #expect(
                backlog.count <= 100 + 2 * 1000,
                "memory, the file, and what was fetched from it")
            guard Bool.random(using: &random) else { continue }
            let bytes = Self.take(Int.random(in: 1...400, using: &random), from: &backlog)
            guard bytes == Self.pattern(taken..<taken + bytes.count) else {
                Issue.record("bytes \(taken)... came out wrong")
                return
            }
            taken += bytes.count
        }
        #expect(wasFull)
    }

    @Test func whatFindsNoRoomIsNotTakenInPart() {
        var backlog = ConsoleBacklog(memoryLimit: 10, fileLimit: 20)
        #expect(Self.append(Self.pattern(0..<10), to: &backlog))
        #expect(Self.append(Self.pattern(10..<25), to: &backlog))
        #expect(!Self.append(Self.pattern(25..<31), to: &backlog))
        #expect(backlog.count == 25)
        #expect(Self.append(Self.pattern(25..<30), to: &backlog))
        #expect(
            Self.take(100, from: &backlog) + Self.take(100, from: &backlog) + Self.take(100, from: &backlog)
                == Self.pattern(0..<30))
        #expect(backlog.count == 0)
    }
}

@Suite struct ConsoleStampsTests {
    /// What the console's reader gets of the guest's bytes, put in pieces of `size`; stamps become `#`.
    private static func stamped(_ text: String, size: Int) throws -> String {
        let pipe = try Pipe()
        let stamps = ConsoleStamps()
        stamps.begin(at: 1)
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input), stamps: stamps)
        var seen: [UInt8] = []
        for (index, byte) in text.utf8.enumerated() {
            console.put(byte)
            if index % size == 0 { console.drain { seen += $0 } }
        }
        _ = console.flush({ seen += $0 })
        #expect(String(decoding: seen, as: UTF8.self) == text, "who watches sees what the guest wrote")
        let output = String(decoding: pipe.readAvailable(), as: UTF8.self)
        return output.replacing(#/\[ *[0-9]+\.[0-9]{6}\] /#, with: "#")
    }

    @Test(
        arguments: [
            ("one\ntwo\n", "#one\n#two\n"), ("one\r\n\r\ntwo\r\nhalf", "#one\r\n\r#\n#two\r\n#half"),
            ("\n\n", "#\n#\n"), ("login: ", "#login: "),
            ("10%\r20%\r\nend", "#10%\r#20%\r\n#end"), ("a\n\rb\n\rc", "#a\n\r#b\n\r#c"), ("a\r\r\nb", "#a\r\r\n#b"),
            ("\u{1B}[1mx\n", "#\u{1B}[1mx\n"),
        ], [1, 2, 3, 100])
    func everyLineIsStampedOnceWhereverItIsCut(_ text: (String, String), size: Int) throws {
        #expect(try Self.stamped(text.0, size: size) == text.1)
    }

    @Test func aHalfLineIsOutAtTheNextLook() throws {
        let pipe = try Pipe()
        let console = try ConsoleOutput(destination: ConsoleDestination(pipe.input), stamps: ConsoleStamps())
        for byte in "login: ".utf8 { console.put(byte) }
        console.drain()
        #expect(String(decoding: pipe.readAvailable(), as: UTF8.self).hasSuffix("] login: "))
    }

    @Test func aStampIsSecondsWithSixDecimals() {
        let stamps = ConsoleStamps()
        stamps.begin(at: 1_000_000_000)
        stamps.begin(at: 5_000_000_000)
        func text(_ time: UInt64) -> String {
            String(decoding: stamps.stamp([0x41], [ConsoleLineStart(offset: 0, time: time)]), as: UTF8.self)
        }
        #expect(text(1_000_000_000) == "[    0.000000] A")
        #expect(text(2_050_001_999) == "[    1.050001] A", "from the first boot's beginning")
        #expect(text(123_457_000_000_000) == "[123456.000000] A")
        #expect(text(0) == "[    0.000000] A")
    }
}
