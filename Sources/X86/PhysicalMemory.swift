import Bytes

/// Read access to a guest's RAM.
public protocol PhysicalMemory {
    /// Returns the bytes at a guest-physical address, nil if they are not wholly in RAM.
    func read(at address: UInt64, count: Int) -> [UInt8]?
}

extension PhysicalMemory {
    /// Returns a little-endian number of `count` bytes, 1...8.
    public func number(at address: UInt64, count: Int) -> UInt64? {
        guard let bytes = read(at: address, count: count), bytes.count == count else { return nil }
        return bytes.littleEndian(at: 0, count: count)
    }
}
