/// The bytes of one structure, read at offsets that are checked.
public struct ByteReader: Sendable {
    public let bytes: [UInt8]
    /// The name of the structure, for errors.
    public let structure: String

    public init(_ bytes: [UInt8], of structure: String) {
        self.bytes = bytes
        self.structure = structure
    }

    public var count: Int { bytes.count }

    /// Returns the unsigned little-endian number at an offset, nil if it extends beyond the structure.
    /// - Parameter count: bytes of the number, 0...8.
    public func number(at offset: Int, count: Int) -> UInt64? {
        guard offset >= 0, offset <= bytes.count, count <= bytes.count - offset else { return nil }
        return bytes.littleEndian(at: offset, count: count)
    }

    /// Returns true if these bytes are at `offset`, false if they differ or extend beyond the structure.
    public func holds(_ expected: [UInt8], at offset: Int) -> Bool {
        guard offset >= 0, offset <= bytes.count, expected.count <= bytes.count - offset else { return false }
        return bytes[offset..<offset + expected.count].elementsEqual(expected)
    }
}
