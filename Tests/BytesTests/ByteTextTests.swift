import Bytes
import Testing

/// Bytes that a string can't hold come back as they were.
@Suite struct ByteTextTests {
    @Test(
        arguments: [
            [], [0x61], Array("äöü €".utf8), [0xE4], [0x61, 0xE4, 0x62], [0xFF, 0xFE, 0x80], [0xC3], [0xE2, 0x82],
            [0xE2, 0x82, 0x41], [0xED, 0xA0, 0x80],
            [0xF4, 0x8F, 0xBA, 0x80], [0xF4, 0x8F, 0xBB, 0xBF], [0xF4, 0x8F, 0xBB], [0xF4, 0x90, 0x80, 0x80],
            [0xC0, 0xAF], [0xF4], [0xF4, 0x8F, 0xBF, 0xBD],
        ] as [[UInt8]])
    func comeBack(bytes: [UInt8]) {
        #expect(ByteText.bytes(ByteText.text(bytes)) == bytes)
    }

    @Test func allPairsAndManyOthersComeBack() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                #expect(ByteText.bytes(ByteText.text([first, second])) == [first, second])
            }
        }
        // The characters that stand for bytes, broken and whole, among others.
        let pieces: [[UInt8]] = [
            [0xF4], [0x8F], [0xBA], [0x80], [0xBB, 0xBF], [0xF4, 0x8F, 0xBA, 0xA0], [0x41], [0xC3, 0xA4],
        ]
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let bytes = a + b + c + d
                        #expect(ByteText.bytes(ByteText.text(bytes)) == bytes)
                    }
                }
            }
        }
    }

    @Test func validTextIsItself() {
        #expect(ByteText.text(Array("/boot/vmlinuz-é 🐧".utf8)) == "/boot/vmlinuz-é 🐧")
        #expect(ByteText.bytes("a\u{10FFFF}") == Array("a\u{10FFFF}".utf8))
        #expect(ByteText.text([0x61, 0xE4]).unicodeScalars.map(\.value) == [0x61, 0x10FEE4])
    }
}
