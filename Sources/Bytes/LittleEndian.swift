extension [UInt8] {
    /// Returns the unsigned little-endian number at an offset; zero if it extends beyond the bytes, so that no file and
    /// no guest makes a reader trap.
    /// - Parameter count: bytes of the number, 0...8.
    public func littleEndian(at offset: Int, count: Int) -> UInt64 {
        guard offset >= 0, count <= self.count, offset <= self.count - count else { return 0 }
        var value: UInt64 = 0
        for index in (0..<count).reversed() { value = value << 8 | UInt64(self[offset + index]) }
        return value
    }
}
