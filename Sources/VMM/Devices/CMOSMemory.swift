/// The board's description in the clock's memory: the bytes that SeaBIOS reads if fw_cfg does not have them (SeaBIOS,
/// `src/fw/paravirt.c`, `src/hw/rtc.h`), and those that BIOSes provide for programs (RBIL, CMOS.LST).
enum CMOSMemory {
    private static let kibibyte: UInt64 = 1 << 10
    private static let unit: UInt64 = 64 << 10

    /// - Parameters:
    ///   - lowMemory: bytes of RAM below 4 GiB.
    ///   - highMemory: bytes of RAM from 4 GiB on.
    /// - Returns: 128 bytes; the clock's own registers among them are zero.
    static func cells(lowMemory: UInt64, highMemory: UInt64, cpus: Int) -> [UInt8] {
        var cells = [UInt8](repeating: 0, count: 128)
        func store(_ value: UInt64, limit: UInt64, at places: [Int]) {
            for (number, place) in places.enumerated() {
                cells[place] = UInt8(truncatingIfNeeded: min(value, limit) >> UInt64(8 * number))
            }
        }
        func above(_ start: UInt64) -> UInt64 { lowMemory > start ? lowMemory - start : 0 }
        // Equipment: a mathematics coprocessor; no floppy, no display.
        cells[0x14] = 0x02
        store(640, limit: 0xFFFF, at: [0x15, 0x16])
        store(above(1 << 20) / kibibyte, limit: 0xFFFF, at: [0x17, 0x18])
        store(above(1 << 20) / kibibyte, limit: 0xFFFF, at: [0x30, 0x31])
        store(above(16 << 20) / unit, limit: 0xFFFF, at: [0x34, 0x35])
        store(highMemory / unit, limit: 0xFF_FFFF, at: [0x5B, 0x5C, 0x5D])
        // The number of processors minus one.
        store(UInt64(max(cpus, 1) - 1), limit: 0xFF, at: [0x5F])
        // The checksum of 0x10 to 0x2D, high byte first.
        let sum = cells[0x10...0x2D].reduce(0) { $0 + UInt64($1) }
        store(sum, limit: 0xFFFF, at: [0x2F, 0x2E])
        return cells
    }
}
