import Bytes

/// The boot ROM of this project: a PC's BIOS services, in real mode, on the serial console and one disk. Its source is
/// in `firmware`.
///
/// Every kernel has it: some return to real mode and call the BIOS, or jump to the reset vector. A disk, and a kernel
/// by its real-mode entry, starts in it. It is at the end of the BIOS area, which ``MemoryMap/legacyHole`` keeps out of
/// the guest's RAM, after ``FirmwareTables``.
public struct BootROM: Equatable, Sendable {
    /// Its place: the last 8 KiB below 1 MiB.
    public static let area: Range<UInt64> = 0xfe000..<0x100000

    /// The state of a processor that starts in the ROM: at the jump before the reset vector.
    public static let entry = EntryState.real16(
        codeSegment: 0xf000, instructionPointer: 0xffe0, dataSegment: 0, stackSegment: 0, stackPointer: 0)

    /// The largest number of memory map regions in the ROM. A machine's map has a few.
    static let maximumRegions = 32

    /// The port that receives the address of a disk request.
    public static let diskPort: UInt16 = 0x580

    /// The port that a processor writes to when it starts at the reset vector: a guest that jumps there wants a reset.
    public static let resetPort: UInt16 = 0x584

    /// The port that the ROM writes to if it can't continue: the run has failed, whether or not the board has an exit
    /// port.
    public static let failurePort: UInt16 = 0x588

    /// The place of the interrupt vectors and the BIOS data area, which ``lowWords`` fill.
    public static let lowArea: Range<UInt64> = 0..<0x500

    /// The extended BIOS data area, whose first byte is its size in KiB.
    public static let extendedDataArea = LoadPlan.Blob(
        name: "the extended BIOS data area", guestAddress: 0x9fc00, bytes: [1])

    /// The ROM's parameters, which replace its first bytes.
    public let parameters: LoadPlan.Blob

    /// Builds the ROM for a plan.
    /// - Parameters:
    ///   - plan: The boot plan. Only a disk, and a kernel by its real-mode entry, starts in the ROM; others may call
    ///     it.
    ///   - memory: The RAM that INT 15h reports.
    public init(booting plan: LoadPlan, memory: MemoryMap) {
        parameters = LoadPlan.Blob(
            name: "the boot ROM's parameters", guestAddress: Self.area.lowerBound, bytes: Self.parameters(plan, memory))
    }

    /// Returns the parts of ``lowArea`` that a kernel uses itself and expects to be zero.
    public static func cleared(for plan: LoadPlan) -> [Range<UInt64>] {
        plan.segments.filter { $0.guestAddress < lowArea.upperBound && $0.memorySize > 0 }.map {
            $0.guestAddress..<min($0.guestAddress + $0.memorySize, lowArea.upperBound)
        }
    }

    /// Returns the structure at the ROM's start; `firmware/rom.h` has the same list.
    private static func parameters(_ plan: LoadPlan, _ memory: MemoryMap) -> [UInt8] {
        var writer = ByteWriter(capacity: 0x30 + 20 * maximumRegions)
        writer.append(contentsOf: Array("swiftlet".utf8))
        let disk = plan.disk
        writer.append(UInt8(disk == nil ? 1 : 0))  // the way in: 0 the boot sector, 1 the entry below
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
        if let cd = disk?.cd {
            writer.append(zeros: 20 * maximumRegions - map.count)
            writer.append(cd.first)
            writer.append(cd.count)
            writer.append(cd.segment)
        }
        return writer.bytes
    }
}
