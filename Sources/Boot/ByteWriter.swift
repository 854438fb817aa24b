import Bytes

/// Little-endian bytes, appended one field after the other.
struct ByteWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    /// - Parameter capacity: How many bytes are expected.
    init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    mutating func append<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    mutating func append(contentsOf bytes: [UInt8]) {
        self.bytes.append(contentsOf: bytes)
    }

    mutating func append(zeros count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// Appends a string as C wants it, with its NUL.
    mutating func append(terminated string: String) {
        bytes.append(contentsOf: ByteText.bytes(string))
        bytes.append(0)
    }
}
