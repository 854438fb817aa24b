/// Little-endian bytes, appended one field after the other.
@frozen public struct ByteWriter: Sendable {
    @usableFromInline var storage: [UInt8] = []

    public var bytes: [UInt8] { storage }

    /// - Parameter capacity: the expected number of bytes.
    public init(capacity: Int = 0) {
        storage.reserveCapacity(capacity)
    }

    // Inlinable, since page tables and whole ACPI tables are written by it at every start.
    @inlinable public mutating func append<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            storage.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    public mutating func append(contentsOf bytes: [UInt8]) {
        storage.append(contentsOf: bytes)
    }

    public mutating func append(zeros count: Int) {
        storage.append(contentsOf: repeatElement(0, count: count))
    }

    /// Appends a NUL-terminated C string.
    public mutating func append(terminated string: String) {
        storage.append(contentsOf: ByteText.bytes(string))
        storage.append(0)
    }
}
