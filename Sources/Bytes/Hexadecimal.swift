extension BinaryInteger {
    /// The number as people write addresses: `0x1f`.
    @inlinable public var hexadecimal: String { "0x" + String(self, radix: 16) }

    /// The hexadecimal digits alone, padded with zeros to `count` digits: `001f`.
    @inlinable public func hexadecimalDigits(_ count: Int) -> String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }
}
