/// A vCPU's address translation: its paging mode and the root of its page tables. Intel SDM volume 3, chapter 4.
public struct Paging: Sendable, Equatable {
    public enum Mode: Sendable, Equatable {
        /// No paging: linear addresses are physical.
        case none
        /// Two levels of 4-byte entries.
        case twoLevel
        /// PAE: four pointers, then two levels of 8-byte entries.
        case pae
        case fourLevel
        case fiveLevel
    }

    public let mode: Mode
    /// The physical address of the topmost table.
    public let root: UInt64
    /// True if 32-bit paging has 4 MiB pages (CR4.PSE).
    private let hasLargePages: Bool

    /// Decodes the control registers as the processor does.
    public init(cr0: UInt64, cr3: UInt64, cr4: UInt64, efer: UInt64) {
        hasLargePages = cr4 & 1 << 4 != 0
        if cr0 & 1 << 31 == 0 {
            (mode, root) = (.none, 0)
        } else if cr4 & 1 << 5 == 0 {
            (mode, root) = (.twoLevel, cr3 & 0xFFFF_F000)
        } else if efer & 1 << 10 == 0 {
            (mode, root) = (.pae, cr3 & 0xFFFF_FFE0)
        } else {
            (mode, root) = (cr4 & 1 << 12 == 0 ? .fourLevel : .fiveLevel, cr3 & 0x000F_FFFF_FFFF_F000)
        }
    }

    /// Returns the physical address of a linear one; nil if it is not mapped or not canonical, or if a table is not in
    /// RAM.
    ///
    /// The guest wrote the tables: each step reads one entry, and there are at most five.
    public func translate(_ linear: UInt64, _ memory: some PhysicalMemory) -> UInt64? {
        switch mode {
        case .none: linear
        case .twoLevel: twoLevel(linear, memory)
        case .pae: linear >> 32 == 0 ? pae(linear, memory) : nil
        case .fourLevel: walk(linear, levels: 4, memory)
        case .fiveLevel: walk(linear, levels: 5, memory)
        }
    }

    private static let address: UInt64 = 0x000F_FFFF_FFFF_F000

    private func twoLevel(_ linear: UInt64, _ memory: some PhysicalMemory) -> UInt64? {
        guard linear >> 32 == 0, let directory = memory.number(at: root + (linear >> 22) * 4, count: 4),
            directory & 1 != 0
        else { return nil }
        if hasLargePages, directory & 1 << 7 != 0 {
            // PSE-36: bits 13...20 are bits 32...39 of the address.
            return directory & 0xFFC0_0000 | (directory >> 13 & 0xFF) << 32 | linear & 0x3F_FFFF
        }
        guard let entry = memory.number(at: directory & 0xFFFF_F000 + (linear >> 12 & 0x3FF) * 4, count: 4),
            entry & 1 != 0
        else { return nil }
        return entry & 0xFFFF_F000 | linear & 0xFFF
    }

    private func pae(_ linear: UInt64, _ memory: some PhysicalMemory) -> UInt64? {
        guard let pointer = memory.number(at: root + (linear >> 30) * 8, count: 8), pointer & 1 != 0 else { return nil }
        return descend(linear, from: pointer & Self.address, level: 2, memory)
    }

    private func walk(_ linear: UInt64, levels: Int, _ memory: some PhysicalMemory) -> UInt64? {
        let bits = 12 + 9 * levels
        let top = Int64(bitPattern: linear) >> Int64(bits - 1)
        guard top == 0 || top == -1 else { return nil }
        return descend(linear, from: root, level: levels, memory)
    }

    /// Walks the tables from a table of `level` (1: the last) downwards.
    private func descend(_ linear: UInt64, from table: UInt64, level: Int, _ memory: some PhysicalMemory) -> UInt64? {
        var table = table
        for level in stride(from: level, through: 1, by: -1) {
            let shift = UInt64(12 + 9 * (level - 1))
            guard let entry = memory.number(at: table + (linear >> shift & 0x1FF) * 8, count: 8), entry & 1 != 0 else {
                return nil
            }
            if level == 1 || (level <= 3 && entry & 1 << 7 != 0) {
                let offset = 1 << shift - 1 as UInt64
                return entry & Self.address & ~offset | linear & offset
            }
            table = entry & Self.address
        }
        return nil
    }
}
