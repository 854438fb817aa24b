import Bytes

/// Fields of a structure in a kernel file. If the structure ends before a field, the error names it.
extension ByteReader {
    func uint8(at offset: Int) throws(BootError) -> UInt8 {
        UInt8(truncatingIfNeeded: try field(at: offset, count: 1))
    }

    func uint16(at offset: Int) throws(BootError) -> UInt16 {
        UInt16(truncatingIfNeeded: try field(at: offset, count: 2))
    }

    func uint32(at offset: Int) throws(BootError) -> UInt32 {
        UInt32(truncatingIfNeeded: try field(at: offset, count: 4))
    }

    func uint64(at offset: Int) throws(BootError) -> UInt64 {
        try field(at: offset, count: 8)
    }

    private func field(at offset: Int, count: Int) throws(BootError) -> UInt64 {
        guard let value = number(at: offset, count: count) else {
            let end = UInt64(max(offset, 0)).addingSaturating(UInt64(count))
            throw .truncated(structure: structure, end: end, size: UInt64(bytes.count))
        }
        return value
    }
}
