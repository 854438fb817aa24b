/// A model-specific register with a value.
public struct MSR: Sendable, Equatable {
    public let index: UInt32
    public let value: UInt64

    public init(index: UInt32, value: UInt64) {
        self.index = index
        self.value = value
    }

    /// `struct kvm_msrs` with its entries of 16 bytes: a count, then index and value of each, both on 8 bytes.
    static func table(_ values: [MSR]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8 + 16 * values.count)
        bytes.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt32(values.count), as: UInt32.self)
            for (number, msr) in values.enumerated() {
                bytes.storeBytes(of: msr.index, toByteOffset: 8 + 16 * number, as: UInt32.self)
                bytes.storeBytes(of: msr.value, toByteOffset: 16 + 16 * number, as: UInt64.self)
            }
        }
        return bytes
    }
}
