import Bytes

/// The guest's physical address space: RAM and the regions that a kernel must not use.
///
/// The numbers of ``Kind`` are those of ACPI 6.5 section 15 ("System Address Map Interfaces", known as E820), which PVH
/// and multiboot adopted unchanged.
public struct MemoryMap: Equatable, Sendable {
    /// The kind of a region, with E820's numbers.
    public enum Kind: UInt32, Sendable {
        case ram = 1
        case reserved = 2
        case acpiReclaimable = 3
        case acpiNonVolatile = 4
        case unusable = 5
    }

    /// One piece of the physical address space.
    public struct Region: Equatable, Sendable {
        /// Guest physical address of the first byte.
        public let start: UInt64
        /// Length in bytes.
        public let size: UInt64
        public let kind: Kind
        /// The region's name in errors: "RAM below 4 GiB", "PCI hole".
        public let name: String

        /// Creates a region; one that would wrap around ends at the last address.
        public init(start: UInt64, size: UInt64, kind: Kind, name: String) {
            self.start = start
            self.size = min(size, UInt64.max - start)
            self.kind = kind
            self.name = name
        }

        var range: AddressRange { AddressRange(start..<start + size) }
    }

    /// Regions by ascending address, which do not overlap.
    public let regions: [Region]

    /// The requested size of guest memory in bytes, including the parts under reserved regions.
    public let size: UInt64

    /// The highest possible end of RAM below 4 GiB, for any amount of memory.
    public let lowLimit: UInt64

    /// The start of RAM above the 32-bit address space.
    public static let fourGiB: UInt64 = 1 << 32

    /// The range from the extended BIOS data area to 1 MiB: a PC's video memory, option ROMs and BIOS.
    public static let legacyHole = Region(
        start: 0x9fc00, size: 0x100000 - 0x9fc00, kind: .reserved, name: "the legacy video and BIOS area")

    /// Lays out a PC's memory.
    /// - Parameters:
    ///   - belowFourGiB: Bytes of RAM from address 0 on, including the legacy hole; at most 4 GiB count.
    ///   - aboveFourGiB: Bytes of RAM from 4 GiB on.
    ///   - lowLimit: The highest possible end of RAM below 4 GiB in the machine's layout; errors use it to say whether
    ///     more memory would help.
    ///   - reserved: Further regions, for instance the PCI hole or ACPI tables; RAM under them is not offered as RAM,
    ///     and if two of them overlap the earlier one keeps the place.
    public init(belowFourGiB: UInt64, aboveFourGiB: UInt64 = 0, lowLimit: UInt64 = fourGiB, reserved: [Region] = []) {
        let low = Region(start: 0, size: min(belowFourGiB, Self.fourGiB), kind: .ram, name: "RAM below 4 GiB")
        let high = Region(start: Self.fourGiB, size: aboveFourGiB, kind: .ram, name: "RAM above 4 GiB")
        var placed: [Region] = []
        for region in [Self.legacyHole] + reserved + [low, high] {
            var pieces = [region.range]
            for taken in placed {
                pieces = pieces.flatMap { $0.subtracting(taken.range) }
            }
            placed += pieces.filter { $0.size > 0 }.map {
                Region(start: $0.start, size: $0.size, kind: region.kind, name: region.name)
            }
        }
        regions = placed.sorted { $0.start < $1.start }
        size = low.size.addingSaturating(high.size)
        self.lowLimit = min(lowLimit, Self.fourGiB)
    }

    /// The map as PVH's `hvm_memmap_table_entry` array: 24 bytes per region (Xen, `public/arch-x86/hvm/start_info.h`).
    public var pvhTable: [UInt8] {
        var writer = ByteWriter()
        for region in regions {
            writer.append(region.start)
            writer.append(region.size)
            writer.append(region.kind.rawValue)
            writer.append(UInt32(0))
        }
        return writer.bytes
    }

    /// The map as E820 entries: 20 bytes per region, as in `boot_params.e820_table` (Linux,
    /// `Documentation/arch/x86/zero-page.rst`).
    public var e820Table: [UInt8] {
        var writer = ByteWriter()
        for region in regions {
            writer.append(region.start)
            writer.append(region.size)
            writer.append(region.kind.rawValue)
        }
        return writer.bytes
    }

    /// The map as multiboot's `mmap` buffer: each entry follows its size, which does not include the size field
    /// (Multiboot Specification 0.6.96, section 3.3).
    public var multibootTable: [UInt8] {
        var writer = ByteWriter()
        for region in regions {
            writer.append(UInt32(20))
            writer.append(region.start)
            writer.append(region.size)
            writer.append(region.kind.rawValue)
        }
        return writer.bytes
    }

    /// RAM from address 0 up to the first hole, in KiB: multiboot's `mem_lower`, at most 640.
    public var lowerKiB: UInt32 {
        UInt32(truncatingIfNeeded: min(ramSize(from: 0) >> 10, 640))
    }

    /// RAM from 1 MiB up to the first hole, in KiB: multiboot's `mem_upper`.
    public var upperKiB: UInt32 {
        UInt32(truncatingIfNeeded: min(ramSize(from: 0x100000) >> 10, UInt64(UInt32.max)))
    }

    var ram: [Region] { regions.filter { $0.kind == .ram } }

    /// The address below 4 GiB up to which RAM could grow: the first reserved region above 1 MiB, or the limit.
    var growthLimit: UInt64 {
        let limits = regions.filter { $0.kind != .ram && $0.start >= Self.legacyHole.range.end }.map(\.start)
        return min(limits.min() ?? lowLimit, lowLimit)
    }

    private func ramSize(from address: UInt64) -> UInt64 {
        ram.first { $0.start <= address && address < $0.range.end }.map { $0.range.end - address } ?? 0
    }
}
