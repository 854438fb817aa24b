import PostMortem
import Testing
import TestSupport

/// A VGA's text memory, as a post-mortem reads it.
@Suite struct TextScreenTests {
    private func memory(_ rows: [(address: UInt64, bytes: [UInt8])]) -> MemoryImage {
        var memory = MemoryImage()
        for (address, bytes) in rows {
            for (index, byte) in bytes.enumerated() {
                memory.put(UInt64(byte) | 0x0700, at: address + UInt64(2 * index), width: 2)
            }
        }
        return memory
    }

    @Test func rowsThatAreNotBlankAreShown() {
        let screen = TextScreen(
            memory([(0xB8000, Array("first  ".utf8)), (0xB8000 + 24 * 160, Array("  last".utf8))]), start: 0)
        #expect(screen?.lines == ["first", "  last"])
        #expect(screen?.address == 0xB8000)
    }

    @Test func aBlankScreenIsNone() {
        #expect(TextScreen(memory([]), start: 0) == nil)
        #expect(TextScreen(memory([(0xB8000, Array(repeating: 0x20, count: 2000))]), start: 0) == nil)
        #expect(TextScreen(memory([(0xB8000 + 25 * 160, Array("below".utf8))]), start: 0) == nil, "not on the page")
        #expect(TextScreen(MemoryImage(count: 4096), start: 0) == nil, "no such memory")
    }

    @Test func theStartAddressNamesThePage() {
        let pages = memory([(0xB8000, Array("first".utf8)), (0xB8000 + 4096, Array("second".utf8))])
        #expect(TextScreen(pages, start: 2048)?.lines == ["second"])
        #expect(TextScreen(pages, start: 8192)?.lines == ["first"], "a blank page gives way to the first")
        // The memory begins anew at its end: the fourth row is the first page's first.
        #expect(TextScreen(pages, start: 16384 - 240)?.lines.first == "first")
        #expect(TextScreen(pages, start: 0xFFFF)?.address == 0xB8000 + 0x7FFE)
    }

    @Test func aMonochromeDisplaysTextIsFound() {
        let screen = TextScreen(memory([(0xB0000, Array("mono".utf8))]), start: 0)
        #expect(screen?.lines == ["mono"])
        #expect(screen?.address == 0xB0000)
    }

    /// Code page 437: control characters are visible, and nothing that a terminal would obey comes out.
    @Test func everyByteIsAVisibleCharacter() throws {
        let bytes = (0...255).map { UInt8($0) }
        let screen = try #require(TextScreen(memory([(0xB8000, bytes)]), start: 0))
        let text = screen.lines.joined(separator: "\n")
        #expect(text.hasPrefix(" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼ !\""))
        #expect(text.contains("~⌂Çü"))
        #expect(text.hasSuffix("√ⁿ²■"))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
    }
}
