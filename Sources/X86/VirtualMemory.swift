import Bytes

/// A guest's memory as one of its vCPUs addresses it.
public struct VirtualMemory<Memory: PhysicalMemory> {
    public let paging: Paging
    public let physical: Memory

    public init(_ paging: Paging, _ physical: Memory) {
        self.paging = paging
        self.physical = physical
    }

    /// Returns the bytes at a linear address, across page boundaries; nil if a page of them is not mapped to RAM.
    /// - Parameter count: 0...65536.
    public func read(at linear: UInt64, count: Int) -> [UInt8]? {
        guard (0...65536).contains(count) else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < count {
            let (address, overflow) = linear.addingReportingOverflow(UInt64(bytes.count))
            let piece = min(count - bytes.count, 4096 - Int(address & 0xFFF))
            guard !overflow, let place = paging.translate(address, physical),
                let read = physical.read(at: place, count: piece),
                read.count == piece
            else { return nil }
            bytes += read
        }
        return bytes
    }

    /// Returns a little-endian number of `count` bytes, 1...8.
    public func number(at linear: UInt64, count: Int) -> UInt64? {
        read(at: linear, count: count)?.littleEndian(at: 0, count: count)
    }
}
