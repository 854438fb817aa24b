import Testing

@testable import VMM

/// Keys that a terminal's user has for swiftlet: docs/console.md.
struct TerminalKeysTests {
    private func typed(_ pieces: String...) -> (guest: String, commands: [TerminalKeys.Command?]) {
        let keys = TerminalKeys()
        let commands = pieces.map { piece in Array(piece.utf8).withUnsafeBytes { keys.process($0) } }
        return (String(decoding: keys.pending, as: UTF8.self), commands)
    }

    @Test func whatIsBehindControlAIsNotTheGuests() {
        #expect(typed("ls\r") == ("ls\r", [nil]))
        #expect(typed("l\u{1}h", "s") == ("ls", [.help, nil]))
        #expect(typed("\u{1}\u{1}b\u{1}ac\u{1}c") == ("\u{1}b\u{1}c\u{3}", [nil]))
        for unknown in ["?", "z", "\r", "\u{3}", "\u{0}", "h"] {
            #expect(typed("\u{1}" + unknown + "q") == ("q", [.help]))
        }
    }

    @Test func controlAWaitsForItsKey() {
        #expect(typed("a\u{1}", "x") == ("a", [nil, .end]))
        #expect(typed("\u{1}", "\u{1}", "x") == ("\u{1}x", [nil, nil, nil]))
        #expect(typed("\u{1}h\u{1}Xrest") == ("", [.end]))
    }

    /// The serial port has room for 16 bytes: moving what waits for each of them would keep the main thread from ^A x
    /// for a minute.
    @Test(.timeLimit(.minutes(1)))
    func aLongPasteIsHandedOverInOrder() {
        let keys = TerminalKeys()
        let paste = (0..<TerminalInput.limit + 1000).map { UInt8(truncatingIfNeeded: $0 % 251 + 2) }
        _ = paste.withUnsafeBytes { keys.process($0) }
        #expect(keys.drop(beyond: TerminalInput.limit))
        #expect(!keys.drop(beyond: TerminalInput.limit))
        var taken: [UInt8] = []
        while !keys.pending.isEmpty {
            let piece = keys.pending.prefix(16)
            taken += piece
            keys.hasTaken(piece.count)
            // More is typed meanwhile.
            if taken.count % 1024 == 0, taken.count <= 4096 {
                _ = [UInt8(ascii: "x")].withUnsafeBytes { keys.process($0) }
            }
        }
        #expect(taken == paste.prefix(TerminalInput.limit) + Array("xxxx".utf8))
    }

    @Test func theHelpNamesEachKey() {
        for (keys, word) in [(SignalKeys.host, "^A c"), (.guest, "--signal-keys guest")] {
            let help = TerminalKeys(keys).help
            for name in ["^A x", "^A h", "^A ^A", "^A a", "^C", word] { #expect(help.contains(name)) }
            // In raw mode a line feed alone goes straight down.
            #expect(!help.replacing("\r\n", with: "").contains("\n"))
        }
    }
}

private func == (one: (guest: String, commands: [TerminalKeys.Command?]), other: (String, [TerminalKeys.Command?]))
    -> Bool
{
    one.guest == other.0 && one.commands == other.1
}
