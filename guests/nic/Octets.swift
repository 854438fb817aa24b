/// Big-endian fields at any alignment. A field beyond the end traps, which the guest reports as exception 6.
extension Span where Element == UInt8 {
    func word(at offset: Int) -> UInt16 {
        UInt16(self[offset]) << 8 | UInt16(self[offset + 1])
    }

    func long(at offset: Int) -> UInt32 {
        UInt32(word(at: offset)) << 16 | UInt32(word(at: offset + 2))
    }

    func hardwareAddress(at offset: Int) -> UInt64 {
        UInt64(long(at: offset)) << 16 | UInt64(word(at: offset + 4))
    }

    /// The Internet checksum of `count` bytes (RFC 1071); 0 where they contain their own.
    func checksum(at offset: Int, count: Int) -> UInt16 {
        var sum: UInt32 = 0
        for index in 0..<count {
            let byte = UInt32(self[offset + index])
            sum += index.isMultiple(of: 2) ? byte << 8 : byte
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + sum >> 16
        }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}

extension MutableSpan where Element == UInt8 {
    mutating func put(word: UInt16, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: word >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: word)
    }

    mutating func put(long: UInt32, at offset: Int) {
        put(word: UInt16(truncatingIfNeeded: long >> 16), at: offset)
        put(word: UInt16(truncatingIfNeeded: long), at: offset + 2)
    }

    mutating func put(hardwareAddress: UInt64, at offset: Int) {
        put(word: UInt16(truncatingIfNeeded: hardwareAddress >> 32), at: offset)
        put(long: UInt32(truncatingIfNeeded: hardwareAddress), at: offset + 2)
    }
}
