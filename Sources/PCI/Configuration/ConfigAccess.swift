/// The target of a configuration access: bus, device, function and byte offset.
public struct ConfigAccess: Sendable, Hashable {
    public let bus: Int
    public let device: Int
    public let function: Int
    /// The byte offset, 0..<4096.
    public let offset: Int

    /// Decodes an access by configuration mechanism 1: the address latched at port 0xCF8 and the data port, 0xCFC +
    /// `lane`. PCI Local Bus 3.0, section 3.2.2.3.2.
    ///
    /// In that section bits 1:0 of the address read as zero. Here they select a byte as the lane does. QEMU does so
    /// too, and its guests latch a byte address and then use 0xCFC itself (kvm-unit-tests) or the lane as well.
    /// - Returns: nil while the address's enable bit is clear: the access is then an ordinary I/O access.
    public init?(latch: UInt32, lane: Int) {
        guard latch & 0x8000_0000 != 0 else { return nil }
        bus = Int(latch >> 16 & 0xFF)
        device = Int(latch >> 11 & 0x1F)
        function = Int(latch >> 8 & 7)
        offset = Int(latch & 0xFF) | (lane & 3)
    }

    /// Returns the size of the next access on the bus: the largest naturally aligned piece of up to 4 bytes. PCI
    /// Express 3.0, section 7.2.2: no register access crosses a doubleword.
    /// - Parameters:
    ///   - offset: the start of the rest of the access.
    ///   - count: the number of bytes left, 1 or more.
    public static func piece(at offset: Int, of count: Int) -> Int {
        var size = 4
        while size > 1, size > count || offset & (size - 1) != 0 { size /= 2 }
        return size
    }

    /// Decodes an access by the enhanced mechanism: 4 KiB per function from the start of the ECAM window. PCI Express
    /// 3.0, section 7.2.2.
    public init(ecamOffset: UInt64) {
        bus = Int(ecamOffset >> 20 & 0xFF)
        device = Int(ecamOffset >> 15 & 0x1F)
        function = Int(ecamOffset >> 12 & 7)
        offset = Int(ecamOffset & 0xFFF)
    }
}
