/// The boot ROM of this project: a PC's BIOS services, in real mode, on the serial console and one disk. Its source is in `firmware`.
///
/// It lies at the end of the BIOS area, which ``MemoryMap/legacyHole`` keeps out of the guest's RAM, behind ``FirmwareTables``.
public struct BootROM: Equatable, Sendable {
    /// Where it lies: the last 8 KiB below 1 MiB.
    public static let area: Range<UInt64> = 0xfe000..<0x100000

    /// The state of a processor that begins with the ROM, as after a reset but for the segment's base.
    public static let entry = EntryState.real16(
        codeSegment: 0xf000, instructionPointer: 0xfff0, dataSegment: 0, stackSegment: 0, stackPointer: 0)

    /// How many regions of the memory map the ROM has room for. A machine's map has a few.
    static let maximumRegions = 32

    /// The port that takes the address of a request to the disk.
    public static let diskPort: UInt16 = 0x580

    /// The ROM with what it has to know, to be copied to its address.
    public let blob: LoadPlan.Blob

    /// The ROM for a plan that needs firmware.
    /// - Parameters:
    ///   - plan: What it boots: a disk, or a kernel by its real-mode entry.
    ///   - memory: What RAM there is, as INT 15h tells.
    public init(booting plan: LoadPlan, memory: MemoryMap) {
        var bytes = Self.words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
        let parameters = Self.parameters(plan, memory)
        bytes.replaceSubrange(0..<parameters.count, with: parameters)
        blob = LoadPlan.Blob(name: "the boot ROM", guestAddress: Self.area.lowerBound, bytes: bytes)
    }

    /// The structure at the ROM's start; `firmware/rom.h` has the same list.
    private static func parameters(_ plan: LoadPlan, _ memory: MemoryMap) -> [UInt8] {
        var writer = ByteWriter(capacity: 0x30 + 20 * maximumRegions)
        writer.append(contentsOf: Array("swiftlet".utf8))
        let disk = plan.disk
        writer.append(UInt8(disk == nil ? 1 : 0))
        writer.append(disk?.drive ?? 0)
        writer.append(disk?.floppyType ?? 0)
        writer.append(UInt8(0))
        writer.append(disk?.cylinders ?? 0)
        writer.append(disk?.heads ?? 0)
        writer.append(disk?.trackSectors ?? 0)
        writer.append(diskPort)
        writer.append(disk?.sectorCount ?? 0)
        let entry = plan.entry
        writer.append(UInt16(truncatingIfNeeded: entry.instructionPointer))
        writer.append(entry.cs.selector)
        writer.append(entry.data.selector)
        writer.append(UInt16(truncatingIfNeeded: entry.stackPointer))
        writer.append(entry.ss.selector)
        let extended = memory.upperKiB
        writer.append(UInt16(min(extended, 15 << 10)))
        writer.append(UInt16(clamping: (extended - min(extended, 15 << 10)) / 64))
        writer.append(UInt16(min(extended, 63 << 10)))
        let map = memory.e820Table.prefix(20 * maximumRegions)
        writer.append(UInt16(map.count / 20))
        writer.append(UInt16(0))
        writer.append(contentsOf: Array(map))
        return writer.bytes
    }
}
