import LinuxSystem
import TestSupport
import Testing

struct MappingTests {
    /// 100 bytes of a file's first page, whose other bytes are mapped too: what is read beyond the end is no fault, but
    /// the file's 0x5A.
    private func mapping() throws -> Mapping {
        let directory = try TemporaryDirectory()
        let path = try directory.file("registers", [UInt8](repeating: 0x5A, count: 4096))
        return try Mapping(Descriptor(opening: path), count: 100)
    }

    private static func fill(_ width: Int) -> UInt64 { (0..<width).reduce(0) { value, _ in value << 8 | 0x5A } }

    @Test(arguments: 1...8) func registersEndWhereTheMappingDoes(width: Int) throws {
        let mapping = try mapping()
        #expect(mapping.readRegister(0, width: width) == Self.fill(width))
        #expect(mapping.readRegister(100 - width, width: width) == Self.fill(width))
        for offset in [-1, -width, 101 - width, 100, 101, 4096, Int.min, Int.max] {
            #expect(mapping.readRegister(offset, width: width) == .max, "\(offset)")
        }
    }

    @Test func aRegisterHasOneToEightBytes() throws {
        let mapping = try mapping()
        for width in [0, -1, 9, 16, Int.min, Int.max] {
            #expect(mapping.readRegister(8, width: width) == .max, "\(width)")
            mapping.writeRegister(8, 0, width: width)
        }
        #expect(mapping.readRegister(8, width: 8) == Self.fill(8), "nothing was written")
    }

    @Test(arguments: 1...8) func aWriteChangesItsBytesAndNoOthers(width: Int) throws {
        let mapping = try mapping()
        let value: UInt64 = 0x1122_3344_5566_7788
        let bytes = (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        mapping.writeRegister(16, value, width: width)
        mapping.writeRegister(100 - width, value, width: width)
        for offset in [-1, 101 - width, 100, Int.min, Int.max] { mapping.writeRegister(offset, value, width: width) }
        let all = [UInt8](UnsafeRawBufferPointer(start: mapping.base, count: 200))
        var expected = [UInt8](repeating: 0x5A, count: 200)
        expected.replaceSubrange(16..<(16 + width), with: bytes)
        expected.replaceSubrange((100 - width)..<100, with: bytes)
        #expect(all == expected)
        #expect(mapping.readRegister(16, width: width) == value & (.max >> UInt64(64 - 8 * width)))
    }
}
