import Bytes

/// The x86 boot entry of a CD: "El Torito" Bootable CD-ROM Format Specification 1.0.
public struct ElToritoEntry: Equatable, Sendable {
    /// The size of a CD's sector in bytes.
    static let sectorSize: UInt64 = 2048

    /// The drive that the boot code sees.
    enum Medium: Equatable {
        /// The CD.
        case cd
        /// A floppy with this many sectors of 512 bytes, whose image is on the CD.
        case floppy(sectors: UInt64)
        /// A fixed disk, whose image is on the CD.
        case disk
    }

    /// The real-mode segment to which the boot code is loaded, and where it is entered.
    public let segment: UInt16
    /// The size of the boot code: sectors of 512 bytes, 1 or more.
    public let count: UInt16
    /// The CD sector where the boot code, or the floppy or disk image, begins.
    public let first: UInt32
    let medium: Medium

    private static let bootRecord: UInt64 = 17
    private static let bootable: UInt8 = 0x88
    private static let usualSegment: UInt16 = 0x7c0

    /// Finds the boot record, and reads the catalog that it names.
    /// - Returns: nil for a file that has no boot record.
    /// - Throws: ``BootError`` for a damaged catalog, or an entry that can't be booted here.
    init?(_ image: some ImageSource) throws(BootError) {
        let place = Self.bootRecord * Self.sectorSize
        guard image.size >= place + Self.sectorSize else { return nil }
        let record = try image.structure("boot record of the CD", at: place, count: 0x4b)
        guard record.holds([0] + Array("CD001".utf8) + [1] + Array("EL TORITO SPECIFICATION".utf8), at: 0) else {
            return nil
        }
        // Sector numbers have 32 bits, so their products fit 64 bits.
        let catalog = try image.structure(
            "boot catalog of the CD", at: UInt64(record.uint32(at: 0x47)) * Self.sectorSize, count: 64)
        let head = try catalog.uint16(at: 0)
        guard head & 0xff == 1, try catalog.uint16(at: 30) == 0xaa55 else {
            throw .badField(
                field: "boot catalog of the CD: its first entry", value: UInt64(head),
                expected: "0x1, with 0xaa55 at byte 30")
        }
        var sum: UInt16 = 0
        for offset in stride(from: 0, to: 32, by: 2) { sum &+= try catalog.uint16(at: offset) }
        guard sum == 0 else {
            throw .badField(
                field: "boot catalog of the CD: the sum of its first entry", value: UInt64(sum), expected: "0x0")
        }
        guard head >> 8 == 0 else {
            throw .badField(
                field: "boot catalog of the CD: its platform", value: UInt64(head >> 8),
                expected: "0x0 (x86 with a BIOS)")
        }
        let kind = try catalog.uint16(at: 32)
        guard UInt8(truncatingIfNeeded: kind) == Self.bootable else {
            throw .badField(
                field: "boot catalog of the CD: its boot indicator", value: UInt64(kind & 0xff),
                expected: "0x88 (bootable)")
        }
        switch kind >> 8 & 0xf {
        case 0: medium = .cd
        case 1: medium = .floppy(sectors: 2400)
        case 2: medium = .floppy(sectors: 2880)
        case 3: medium = .floppy(sectors: 5760)
        case 4: medium = .disk
        case let other:
            throw .badField(
                field: "boot catalog of the CD: its boot medium", value: UInt64(other),
                expected: "0x0 (no emulation) to 0x4 (a hard disk)")
        }
        let named = try catalog.uint16(at: 34)
        segment = named == 0 ? Self.usualSegment : named
        count = try catalog.uint16(at: 38)
        first = try catalog.uint32(at: 40)
        guard count > 0 else {
            throw .badField(
                field: "boot catalog of the CD: the number of sectors to load", value: 0, expected: "1 or more")
        }
        let end = UInt64(first) * Self.sectorSize + UInt64(count) * DiskImage.sectorSize
        guard end <= image.size else {
            throw .truncated(structure: "boot code of the CD", end: end, size: image.size)
        }
        guard UInt64(segment) << 4 >= BootROM.lowArea.upperBound else {
            throw .badField(
                field: "boot catalog of the CD: its load segment", value: UInt64(segment),
                expected: "0x0, or 0x50 or more")
        }
        guard medium == .cd || segment == Self.usualSegment && count == 1 else {
            throw .badField(
                field: "boot catalog of the CD: what its floppy or disk loads to segment \(segment.hexadecimal)",
                value: UInt64(count),
                expected: "0x1 sector, to segment 0x0 or 0x7c0")
        }
        let top = UInt64(segment) << 4 + UInt64(count) * DiskImage.sectorSize
        guard top <= BootROM.extendedDataArea.guestAddress else {
            throw .fieldOutOfRange(
                field: "boot catalog of the CD: the end of the boot code in memory", value: top,
                limit: BootROM.extendedDataArea.guestAddress,
                of: "where a BIOS has its data")
        }
    }
}
