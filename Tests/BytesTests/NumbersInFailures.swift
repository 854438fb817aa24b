public import Testing

/// A failed expectation prints unsigned numbers in both ways: they are addresses, registers and sizes, which our tests
/// write in hexadecimal. A conformance holds in the whole test bundle, also where this module is not imported.
extension UnsignedInteger {
    fileprivate var inBothWays: String { self < 10 ? "\(self)" : "\(self) (0x\(String(self, radix: 16)))" }
}

extension UInt64: @retroactive CustomTestStringConvertible {
    public var testDescription: String { inBothWays }
}

extension UInt32: @retroactive CustomTestStringConvertible {
    public var testDescription: String { inBothWays }
}

extension UInt16: @retroactive CustomTestStringConvertible {
    public var testDescription: String { inBothWays }
}

extension UInt8: @retroactive CustomTestStringConvertible {
    public var testDescription: String { inBothWays }
}

@Suite struct NumbersInFailuresTests {
    @Test func addressesAreInHexadecimalToo() {
        #expect(String(describingForTest: UInt64(0xFEE0_0000)) == "4276092928 (0xfee00000)")
        #expect(String(describingForTest: UInt32(9)) == "9")
        #expect(String(describingForTest: UInt16(0x3F8)) == "1016 (0x3f8)")
        #expect(String(describingForTest: UInt8.max) == "255 (0xff)")
    }
}
