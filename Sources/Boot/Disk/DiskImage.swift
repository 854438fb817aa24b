import Bytes

/// A disk or floppy image whose first sector is boot code, as a PC's firmware would find it.
///
/// The image's own geometry is used if it is plausible, since boot code depends on it. Nothing else in the image is
/// trusted.
public struct DiskImage: Equatable, Sendable {
    /// The size of a sector in bytes.
    public static let sectorSize: UInt64 = 512

    /// The largest image in bytes, 2 TiB: the limit of 32-bit sector numbers.
    public static let maximumSize: UInt64 = 1 << 41

    /// The kind of drive that holds an image.
    public enum Kind: String, CaseIterable, Sendable {
        /// Drive 0.
        case floppy
        /// Drive 0x80.
        case disk
        /// Drive 0xe0, with sectors of 2048 bytes.
        case cd
    }

    /// The offset of the first sector in the file, in bytes: 0 except for a floppy or disk image on a CD.
    public let start: UInt64
    /// The number of sectors. A last sector that the file holds only in part counts for a disk. A floppy has all
    /// sectors of its format; those beyond the file's end are zero.
    public let sectorCount: UInt64
    /// 1...1024.
    public let cylinders: UInt16
    /// 1...255.
    public let heads: UInt16
    /// 1...63.
    public let trackSectors: UInt16
    /// The BIOS's number of the drive: 0 for a floppy, 0x80 for a fixed disk, 0xe0 for a CD.
    public let drive: UInt8
    /// The drive type that INT 13h AH=08h returns, 0 for a fixed disk.
    public let floppyType: UInt8
    /// The boot entry of a CD; nil for other drives, and for a floppy or disk image on a CD. A CD has no tracks: its
    /// geometry is meaningless.
    public let cd: ElToritoEntry?

    private static let signature: UInt16 = 0xaa55

    /// The size of the largest floppy, 2.88 MB.
    static let largestFloppy: UInt64 = 5760 * sectorSize

    private typealias Format = (cylinders: UInt16, heads: UInt16, trackSectors: UInt16, type: UInt8)

    /// The sizes of floppies in sectors, with their drive types.
    private static let floppies: [UInt64: Format] = [
        320: (40, 1, 8, 1), 360: (40, 1, 9, 1), 640: (40, 2, 8, 1), 720: (40, 2, 9, 1), 1440: (80, 2, 9, 3),
        2400: (80, 2, 15, 2),
        2880: (80, 2, 18, 4), 3360: (80, 2, 21, 4), 5760: (80, 2, 36, 6),
    ]

    /// Looks for the boot signature, 0xaa55 at byte 510, or else a CD's boot record.
    /// - Parameter kind: the kind of drive; nil to detect it.
    /// - Returns: nil for a file that has none, is shorter than a sector, or longer than ``maximumSize``.
    /// - Throws: ``BootError/notAFloppy(size:)`` for a floppy larger than any format.
    init?(_ image: some ImageSource, kind: Kind? = nil) throws(BootError) {
        guard (Self.sectorSize...Self.maximumSize).contains(image.size) else { return nil }
        let sector = try image.structure("boot sector", at: 0, count: Int(Self.sectorSize))
        let signature = try sector.uint16(at: 510)
        guard kind == .cd || signature != Self.signature else {
            try self.init(bootSector: sector, start: 0, size: image.size, kind: kind)
            return
        }
        guard kind == .cd || kind == nil, let entry = try ElToritoEntry(image) else { return nil }
        let start = UInt64(entry.first) * ElToritoEntry.sectorSize
        switch entry.medium {
        case .cd: self.init(cd: entry, size: image.size)
        case .floppy(let sectors):
            try self.init(on: image, start: start, size: sectors * Self.sectorSize, kind: .floppy)
        case .disk: try self.init(on: image, start: start, size: image.size - start, kind: .disk)
        }
    }

    private init(cd entry: ElToritoEntry, size: UInt64) {
        start = 0
        sectorCount = size / Self.sectorSize
        (cylinders, heads, trackSectors, floppyType) = (1, 1, 1, 0)
        drive = 0xe0
        cd = entry
    }

    /// Describes a floppy or disk image on a CD.
    private init(on cd: some ImageSource, start: UInt64, size: UInt64, kind: Kind) throws(BootError) {
        let sector = try cd.structure("boot sector of the CD's \(kind)", at: start, count: Int(Self.sectorSize))
        let signature = try sector.uint16(at: 510)
        guard signature == Self.signature else {
            throw .badField(
                field: "boot sector of the CD's \(kind): its signature", value: UInt64(signature), expected: "0xaa55")
        }
        try self.init(bootSector: sector, start: start, size: size, kind: kind)
    }

    private init(bootSector: ByteReader, start: UInt64, size: UInt64, kind: Kind?) throws(BootError) {
        self.start = start
        cd = nil
        let sector = bootSector.bytes
        let count = (size + Self.sectorSize - 1) / Self.sectorSize
        if kind ?? Self.kind(of: sector, sectors: count) == .floppy {
            guard size <= Self.largestFloppy else { throw .notAFloppy(size: size) }
            let format = Self.format(of: sector, sectors: count)
            (cylinders, heads, trackSectors, floppyType) = format
            sectorCount = UInt64(format.cylinders) * UInt64(format.heads) * UInt64(format.trackSectors)
            drive = 0
            return
        }
        sectorCount = count
        let tracks = Self.tracks(of: sector) ?? (heads: count <= 1024 * 16 * 63 ? 16 : 255, sectors: 63)
        let perCylinder = UInt64(tracks.heads) * UInt64(tracks.sectors)
        cylinders = UInt16(min((count + perCylinder - 1) / perCylinder, 1024))
        heads = tracks.heads
        trackSectors = tracks.sectors
        drive = 0x80
        floppyType = 0
    }

    /// Returns the kind of drive: a floppy by its size; else a disk if it has partitions, or a file system laid out for
    /// a disk; else the smallest drive that holds it.
    private static func kind(of sector: [UInt8], sectors: UInt64) -> Kind {
        if floppies[sectors] != nil { return .floppy }
        if sectors * sectorSize > largestFloppy || hasPartitions(sector) { return .disk }
        return hasParameterBlock(sector) && sector[0x15] == 0xf8 ? .disk : .floppy
    }

    /// Returns the geometry of a floppy: that of its size; else that of its file system if it is a floppy's and holds
    /// the image; else that of the usual drive.
    private static func format(of sector: [UInt8], sectors: UInt64) -> Format {
        if let format = floppies[sectors] { return format }
        if hasParameterBlock(sector) {
            let total = UInt64(word(sector, 0x13))
            if total >= sectors, let format = floppies[total], format.heads == word(sector, 0x1a),
                format.trackSectors == word(sector, 0x18)
            {
                return format
            }
        }
        return sectors <= 2880 ? (80, 2, 18, 4) : (80, 2, 36, 6)
    }

    /// Returns true if the sector holds a partition table: each entry is active or not, and at least one has a start
    /// and a size.
    private static func hasPartitions(_ sector: [UInt8]) -> Bool {
        let entries = stride(from: 0x1be, to: 0x1fe, by: 16).map { Array(sector[$0..<$0 + 16]) }
        guard entries.allSatisfy({ $0[0] & 0x7f == 0 }) else { return false }
        return entries.contains { $0[4] != 0 && $0[8..<12].contains { $0 != 0 } && $0[12..<16].contains { $0 != 0 } }
    }

    private static func word(_ sector: [UInt8], _ offset: Int) -> UInt16 {
        UInt16(sector[offset]) | UInt16(sector[offset + 1]) << 8
    }

    /// Returns true if the sector begins with the BIOS parameter block of a FAT file system.
    private static func hasParameterBlock(_ sector: [UInt8]) -> Bool {
        (sector[0] == 0xeb || sector[0] == 0xe9) && word(sector, 0x0b) == 512 && sector[0x15] >= 0xf0
    }

    /// Returns the heads and sectors per track that the disk was laid out for: from the BIOS parameter block of a FAT
    /// file system, or from the end of the first partition, which is a cylinder's last sector.
    private static func tracks(of sector: [UInt8]) -> (heads: UInt16, sectors: UInt16)? {
        func checked(_ heads: UInt16, _ sectors: UInt16) -> (heads: UInt16, sectors: UInt16)? {
            (1...255).contains(heads) && (1...63).contains(sectors) ? (heads, sectors) : nil
        }
        if hasParameterBlock(sector) { return checked(word(sector, 0x1a), word(sector, 0x18)) }
        for entry in stride(from: 0x1be, to: 0x1fe, by: 16) where sector[entry + 4] != 0 {
            return checked(UInt16(sector[entry + 5]) + 1, UInt16(sector[entry + 6] & 0x3f))
        }
        return nil
    }
}
