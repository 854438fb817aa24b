/// The bytes of one structure, read at offsets that are checked.
public struct ByteReader: Sendable {
    public let bytes: [UInt8]
    /// What the bytes are, for errors.
    public let structure: String

    public init(_ bytes: [UInt8], of structure: String) {
        self.bytes = bytes
        self.structure = structure
    }

    public var count: Int { bytes.count }

    /// The unsigned little-endian number at an offset; nil where the structure ends before it does.
    /// - Parameter count: bytes of the number, 0...8.
    public func number(at offset: Int, count: Int) -> UInt64? {
        guard offset >= 0, offset <= bytes.count, count <= bytes.count - offset else { return nil }
        return bytes.littleEndian(at: offset, count: count)
    }

    /// Whether these very bytes stand at `offset`; false where the structure ends before them.
    public func holds(_ expected: [UInt8], at offset: Int) -> Bool {
        guard offset >= 0, offset <= bytes.count, expected.count <= bytes.count - offset else { return false }
        return bytes[offset..<offset + expected.count].elementsEqual(expected)
    }
}
