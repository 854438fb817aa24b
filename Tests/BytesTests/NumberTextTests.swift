import Bytes
import Testing

/// Numbers out of bytes and into text, and text as JSON has it.
struct NumberTextTests {
    private static let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]

    @Test func numbersAreReadWithinTheBytesOnly() {
        #expect(Self.bytes.littleEndian(at: 1, count: 8) == 0x0908_0706_0504_0302)
        #expect(Self.bytes.littleEndian(at: 7, count: 2) == 0x0908)
        #expect(Self.bytes.littleEndian(at: 9, count: 0) == 0)
        for (offset, count) in [(2, 8), (9, 1), (-1, 4), (.max, 8), (.min, 1)] {
            #expect(Self.bytes.littleEndian(at: offset, count: count) == 0)
            #expect(ByteReader(Self.bytes, of: "structure").number(at: offset, count: count) == nil)
        }
        #expect(ByteReader(Self.bytes, of: "structure").number(at: 5, count: 4) == 0x0908_0706)
        #expect(ByteReader(Self.bytes, of: "structure").holds([8, 9], at: 7))
        #expect(!ByteReader(Self.bytes, of: "structure").holds([9, 10], at: 8))
    }

    @Test func whatIsWrittenIsReadBack() {
        var writer = ByteWriter(capacity: 16)
        writer.append(UInt8(0xAB))
        writer.append(UInt32(0x1234_5678))
        writer.append(zeros: 2)
        writer.append(terminated: "é")
        #expect(writer.bytes == [0xAB, 0x78, 0x56, 0x34, 0x12, 0, 0, 0xC3, 0xA9, 0])
        #expect(writer.bytes.littleEndian(at: 1, count: 4) == 0x1234_5678)
    }

    @Test func hexadecimals() {
        #expect(UInt64.max.hexadecimal == "0xffffffffffffffff")
        #expect(0.hexadecimal == "0x0")
        #expect(UInt8(0x1F).hexadecimalDigits(4) == "001f")
        #expect(0x12345.hexadecimalDigits(4) == "12345")
    }

    @Test func sumsAndMultiplesThatDoNotFit() {
        #expect(UInt64.max.addingSaturating(1) == .max)
        #expect(UInt64(1).addingSaturating(2) == 3)
        #expect(UInt64(0x1001).aligned(upTo: 0x1000) == 0x2000)
        #expect(UInt64.max.aligned(upTo: 2) == nil)
        #expect(UInt64(0x1FFF).aligned(downTo: 0x1000) == 0x1000)
    }

    @Test func rangesOfAddresses() throws {
        let range = try #require(AddressRange(start: 0x1000, size: 0x1000))
        #expect(AddressRange(start: .max, size: 2) == nil)
        #expect(AddressRange(start: .max, size: 0) != nil)
        #expect(range.contains(0x1FFF))
        #expect(!range.contains(0x2000))
        #expect(range.contains(range))
        #expect(range.intersection(AddressRange(0x1800..<0x3000)) == AddressRange(0x1800..<0x2000))
        #expect(range.intersection(AddressRange(0x2000..<0x3000)) == nil)
        #expect(
            range.subtracting(AddressRange(0x1400..<0x1800)) == [
                AddressRange(0x1000..<0x1400), AddressRange(0x1800..<0x2000),
            ])
        #expect(!range.overlaps(AddressRange(0x1800..<0x1800)))
        #expect("\(range)" == "0x1000-0x1fff")
    }

    @Test func stringsOfJSON() {
        #expect(
            JSONText.quoted("a\"\\\n\t\r\u{1B}é") { $0.value < 0x20 ? JSONText.escaped($0) : nil }
                == #""a\"\\\n\t\r\u001bé""#)
        #expect(JSONText.escaped("\u{1F600}") == #"\ud83d\ude00"#)
        var bytes: [UInt8] = []
        JSONText.append(ascii: "a\"\\\n\u{7F}é\u{1F600}", to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == #""a\"\\\u000a\u007f\u00e9\ud83d\ude00""#)
    }
}
