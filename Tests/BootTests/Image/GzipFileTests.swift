import FoundationEssentials
import TestSupport
import Testing

@testable import Boot

@Suite("gzip-compressed kernels")
struct GzipFileTests {
    private static func contents(_ bytes: [UInt8], limit: Int = GzipFile.maximumSize) throws(BootError) -> [UInt8] {
        try GzipFile.contents(of: InMemoryImage(bytes), limit: limit)
    }

    private static func reason(_ bytes: [UInt8], limit: Int = GzipFile.maximumSize) -> String {
        (#expect(throws: BootError.self) { try contents(bytes, limit: limit) })?.description ?? ""
    }

    private static let head: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
    /// "abc" in a stored block, with its checksum and size.
    private static let stored =
        head + [1, 3, 0, 0xfc, 0xff] + Array("abc".utf8) + [0xc2, 0x41, 0x24, 0x35, 3, 0, 0, 0]
    /// What gzip makes of 20 times "a": by the fixed codes, with a repetition.
    private static let fixed = head + [0x4b, 0x4c, 0xc4, 0x04, 0x00] + [0xce, 0x8b, 0x6f, 0x26, 20, 0, 0, 0]

    @Test("a stored block and a block with fixed codes are read")
    func blocks() throws {
        #expect(try Self.contents(Self.stored) == Array("abc".utf8))
        #expect(try Self.contents(Self.fixed) == [UInt8](repeating: 0x61, count: 20))
        // With a name, a comment, extra bytes and a checksum of the header.
        var named = Self.stored
        named[3] = 0x1e
        named.insert(contentsOf: [2, 0, 9, 9] + Array("k\0why\0".utf8) + [1, 2], at: 10)
        #expect(try Self.contents(named + [0, 0]) == Array("abc".utf8))
    }

    @Test("a test kernel packed by gzip -9 is read")
    func kernel() throws {
        let root = URL(fileURLWithPath: TestKernel.root)
        let packed = try Array(Data(contentsOf: root.appending(path: "guests/build/modules32.elf.gz")))
        #expect(try GzipFile.isOne(InMemoryImage(packed)))
        #expect(
            try Self.contents(packed) == Array(Data(contentsOf: root.appending(path: "guests/build/modules32.elf"))))
    }

    @Test("damage, a wrong checksum, truncation and excess size are reported")
    func damage() {
        #expect(Self.reason(Self.stored, limit: 2).contains("larger than"))
        for count in 0..<Self.stored.count {
            #expect(Self.reason(Array(Self.stored[..<count])).contains("ends too early"), "\(count)")
        }
        for index in [0, 1, 2, 3, 11, 12, 15, 18, 22] {
            var bytes = Self.stored
            bytes[index] ^= 0xe0
            #expect(Self.reason(bytes).contains("can't be decompressed"), "\(index)")
        }
        // A block of the fourth kind; a repetition with nothing before it.
        #expect(Self.reason(Self.head + [0x07] + [UInt8](repeating: 0, count: 16)).contains("no known kind"))
        #expect(Self.reason(Self.head + [0x03, 0x02] + [UInt8](repeating: 0, count: 16)).contains("before its start"))
    }

    @Test("with any byte changed, reading ends with an error or the same contents")
    func hostile() {
        for index in Self.fixed.indices {
            for bit in 0..<8 {
                var bytes = Self.fixed
                bytes[index] ^= 1 << UInt8(bit)
                if let contents = try? Self.contents(bytes, limit: 1 << 16) {
                    #expect(contents == [UInt8](repeating: 0x61, count: 20))
                }
            }
        }
    }
}
