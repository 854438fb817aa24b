/// Bounds-checked little-endian reads over the bytes of one structure.
struct ByteReader: Sendable {
    let bytes: [UInt8]
    /// What the bytes are, for errors.
    let structure: String

    init(_ bytes: [UInt8], of structure: String) {
        self.bytes = bytes
        self.structure = structure
    }

    var count: Int { bytes.count }

    func uint8(at offset: Int) throws(BootError) -> UInt8 {
        UInt8(truncatingIfNeeded: try littleEndian(at: offset, count: 1))
    }

    func uint16(at offset: Int) throws(BootError) -> UInt16 {
        UInt16(truncatingIfNeeded: try littleEndian(at: offset, count: 2))
    }

    func uint32(at offset: Int) throws(BootError) -> UInt32 {
        UInt32(truncatingIfNeeded: try littleEndian(at: offset, count: 4))
    }

    func uint64(at offset: Int) throws(BootError) -> UInt64 {
        try littleEndian(at: offset, count: 8)
    }

    /// Whether these very bytes stand at `offset`; false where the structure ends before them.
    func holds(_ expected: [UInt8], at offset: Int) -> Bool {
        guard offset >= 0, offset <= bytes.count, expected.count <= bytes.count - offset else { return false }
        return bytes[offset..<offset + expected.count].elementsEqual(expected)
    }

    private func littleEndian(at offset: Int, count: Int) throws(BootError) -> UInt64 {
        guard offset >= 0, offset <= bytes.count, count <= bytes.count - offset else {
            let end = UInt64(max(offset, 0)).addingSaturating(UInt64(count))
            throw .truncated(structure: structure, end: end, size: UInt64(bytes.count))
        }
        var value: UInt64 = 0
        for index in (0..<count).reversed() {
            value = value << 8 | UInt64(bytes[offset + index])
        }
        return value
    }
}
