/// A disk or floppy image whose first sector is boot code, as a PC's firmware would find it.
///
/// What the image says of its own geometry is taken where it makes sense, since boot code reads by it; nothing of it is trusted further.
public struct DiskImage: Equatable, Sendable {
    /// Bytes of a sector.
    public static let sectorSize: UInt64 = 512

    /// The largest image in bytes, 2 TiB: what 32-bit sector numbers reach.
    public static let maximumSize: UInt64 = 1 << 41

    /// How many sectors there are; a last one that the file holds in part counts.
    public let sectorCount: UInt64
    /// 1...1024.
    public let cylinders: UInt16
    /// 1...255.
    public let heads: UInt16
    /// 1...63.
    public let trackSectors: UInt16
    /// The BIOS's number of the drive: 0 for a floppy, 0x80 for a fixed disk.
    public let drive: UInt8
    /// The drive type that INT 13h AH=08h tells, 0 for a fixed disk.
    public let floppyType: UInt8

    /// The sizes of floppies in sectors, and what drive they are for.
    private static let floppies: [UInt64: (cylinders: UInt16, heads: UInt16, trackSectors: UInt16, type: UInt8)] = [
        320: (40, 1, 8, 1), 360: (40, 1, 9, 1), 640: (40, 2, 8, 1), 720: (40, 2, 9, 1), 1440: (80, 2, 9, 3), 2400: (80, 2, 15, 2),
        2880: (80, 2, 18, 4), 3360: (80, 2, 21, 4), 5760: (80, 2, 36, 6),
    ]

    /// Looks for the boot signature, 0xaa55 at byte 510.
    /// - Returns: nil for a file that has none, is shorter than a sector, or longer than ``maximumSize``.
    init?(_ image: some ImageSource) throws(BootError) {
        guard (Self.sectorSize...Self.maximumSize).contains(image.size) else { return nil }
        let sector = try image.structure("boot sector", at: 0, count: Int(Self.sectorSize))
        guard try sector.uint16(at: 510) == 0xaa55 else { return nil }
        let count = (image.size + Self.sectorSize - 1) / Self.sectorSize
        sectorCount = count
        if let floppy = Self.floppies[count] {
            (cylinders, heads, trackSectors, floppyType) = floppy
            drive = 0
            return
        }
        let tracks = Self.tracks(of: sector.bytes) ?? (heads: count <= 1024 * 16 * 63 ? 16 : 255, sectors: 63)
        let perCylinder = UInt64(tracks.heads) * UInt64(tracks.sectors)
        cylinders = UInt16(min((count + perCylinder - 1) / perCylinder, 1024))
        heads = tracks.heads
        trackSectors = tracks.sectors
        drive = 0x80
        floppyType = 0
    }

    /// Heads, and sectors a track, as the disk was laid out for: by the BIOS parameter block of a FAT file system, or by where the first
    /// partition ends, on a cylinder's last sector.
    private static func tracks(of sector: [UInt8]) -> (heads: UInt16, sectors: UInt16)? {
        func word(_ offset: Int) -> UInt16 { UInt16(sector[offset]) | UInt16(sector[offset + 1]) << 8 }
        func checked(_ heads: UInt16, _ sectors: UInt16) -> (heads: UInt16, sectors: UInt16)? {
            (1...255).contains(heads) && (1...63).contains(sectors) ? (heads, sectors) : nil
        }
        let isJump = sector[0] == 0xeb || sector[0] == 0xe9
        if isJump, word(0x0b) == 512, sector[0x15] >= 0xf0 { return checked(word(0x1a), word(0x18)) }
        for entry in stride(from: 0x1be, to: 0x1fe, by: 16) where sector[entry + 4] != 0 {
            return checked(UInt16(sector[entry + 5]) + 1, UInt16(sector[entry + 6] & 0x3f))
        }
        return nil
    }
}
