public import X86

/// Guest RAM from address 0.
public struct MemoryImage: PhysicalMemory {
    public var bytes: [UInt8]

    public init(count: Int = 1 << 20) { bytes = [UInt8](repeating: 0, count: count) }

    public func read(at address: UInt64, count: Int) -> [UInt8]? {
        guard count >= 0, address <= UInt64(bytes.count), UInt64(count) <= UInt64(bytes.count) - address else {
            return nil
        }
        return Array(bytes[Int(address)..<Int(address) + count])
    }

    public func number(at address: UInt64, width: Int) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[Int(address) + $1]) << UInt64(8 * $1) }
    }

    public mutating func put(_ value: UInt64, at address: UInt64, width: Int = 8) {
        for index in 0..<width { bytes[Int(address) + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
}
