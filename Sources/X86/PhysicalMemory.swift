import Bytes

/// A guest's RAM as whoever examines it reads it.
public protocol PhysicalMemory {
    /// The bytes at a guest-physical address; nil where they are not wholly in RAM.
    func read(at address: UInt64, count: Int) -> [UInt8]?
}

extension PhysicalMemory {
    /// A little-endian number of `count` bytes, 1...8.
    public func number(at address: UInt64, count: Int) -> UInt64? {
        guard let bytes = read(at: address, count: count), bytes.count == count else { return nil }
        return bytes.littleEndian(at: 0, count: count)
    }
}
