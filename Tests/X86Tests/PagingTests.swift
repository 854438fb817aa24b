import TestSupport
import Testing
import X86

/// Page tables as the processor reads them: Intel SDM volume 3, chapter 4.
struct PagingTests {
    private static let pe: UInt64 = 1
    private static let pg: UInt64 = 1 << 31
    private static let pse: UInt64 = 1 << 4
    private static let pae: UInt64 = 1 << 5
    private static let la57: UInt64 = 1 << 12
    private static let lma: UInt64 = 1 << 10

    @Test func controlRegistersSayTheMode() {
        #expect(Paging(cr0: Self.pe, cr3: 0x5000, cr4: Self.pae, efer: 0).mode == .none)
        #expect(Paging(cr0: Self.pe | Self.pg, cr3: 0x5FFF, cr4: 0, efer: 0).mode == .twoLevel)
        #expect(Paging(cr0: Self.pe | Self.pg, cr3: 0x5000, cr4: Self.pae, efer: 0).mode == .pae)
        #expect(
            Paging(cr0: Self.pe | Self.pg, cr3: 0x5018, cr4: Self.pae, efer: Self.lma)
                == Paging(cr0: Self.pg, cr3: 0x5000, cr4: Self.pae, efer: Self.lma))
        #expect(Paging(cr0: Self.pe | Self.pg, cr3: 0, cr4: Self.pae | Self.la57, efer: Self.lma).mode == .fiveLevel)
    }

    @Test func withoutPagingAddressesArePhysical() {
        #expect(Paging(cr0: 1, cr3: 0, cr4: 0, efer: 0).translate(0x12345, MemoryImage()) == 0x12345)
    }

    /// Tables at 0x1000, 0x2000, ... for one high address, with a page of the size that `last` is the level of.
    private func tables(_ linear: UInt64, levels: Int, last: Int, to physical: UInt64, flags: UInt64 = 3) -> MemoryImage
    {
        var memory = MemoryImage()
        var table: UInt64 = 0x1000
        for level in stride(from: levels, through: last, by: -1) {
            let entry = table + (linear >> UInt64(12 + 9 * (level - 1)) & 0x1FF) * 8
            memory.put(level == last ? physical | flags | (level > 1 ? 0x80 : 0) : table + 0x1000 | 3, at: entry)
            table += 0x1000
        }
        return memory
    }

    @Test(
        arguments: [
            (4, 1, 0x5_5678), (4, 2, 0x4_0000_0000 + 0x14_5678), (4, 3, 0x40_0000_0000 + 0x2394_5678), (5, 1, 0x5_5678),
        ] as [(Int, Int, UInt64)])
    func highAddressesOf64Bits(levels: Int, last: Int, expected: UInt64) {
        let linear: UInt64 = levels == 4 ? 0xFFFF_8000_6394_5678 : 0xFF00_0000_6394_5678
        let page = expected & ~((1 << UInt64(12 + 9 * (last - 1))) - 1)
        // Bit 63 is no-execute, and no part of the address.
        let memory = tables(linear, levels: levels, last: last, to: page, flags: 3 | 1 << 63)
        let paging = Paging(cr0: Self.pg, cr3: 0x1000, cr4: Self.pae | (levels == 5 ? Self.la57 : 0), efer: Self.lma)
        #expect(paging.translate(linear, memory) == page | linear & ((1 << UInt64(12 + 9 * (last - 1))) - 1))
        #expect(paging.translate(linear ^ 1 << 30, memory) == nil)
        // Non-canonical.
        #expect(paging.translate(linear & ~(1 << 63), memory) == nil)
    }

    @Test func twoLevels() {
        var memory = MemoryImage()
        memory.put(0x2000 | 1, at: 0x1000 + 0x300 * 4, width: 4)
        memory.put(0x7000 | 1, at: 0x2000 + 5 * 4, width: 4)
        memory.put(0x80_0000 | 0x81 | 1 << 13, at: 0x1000 + 0x301 * 4, width: 4)
        let paging = Paging(cr0: Self.pg, cr3: 0x1000, cr4: Self.pse, efer: 0)
        #expect(paging.translate(0xC000_5123, memory) == 0x7123)
        #expect(paging.translate(0xC000_6123, memory) == nil)
        // A page of 4 MiB above 4 GiB: PSE-36.
        #expect(paging.translate(0xC041_2345, memory) == 0x1_0081_2345)
        // Nor is there anything above 4 GiB, whatever lies behind the directory.
        memory.put(0x2000 | 1, at: 0x1000 + 0x700 * 4, width: 4)
        #expect(paging.translate(0x1_C000_5123, memory) == nil)
    }

    @Test func physicalAddressExtension() {
        var memory = MemoryImage()
        memory.put(0x2000 | 1, at: 0x1020 + 3 * 8)
        memory.put(0x3000 | 1, at: 0x2000)
        memory.put(0x9000 | 1, at: 0x3000 + 5 * 8)
        let paging = Paging(cr0: Self.pg, cr3: 0x1020, cr4: Self.pae, efer: 0)
        #expect(paging.translate(0xC000_5123, memory) == 0x9123)
        #expect(paging.translate(0x8000_5123, memory) == nil)
    }

    @Test func tablesThatLeadNowhere() {
        // Each entry points to its own table, out of RAM, or to the last address there is: all end.
        let paging = Paging(cr0: Self.pg, cr3: 0x1000, cr4: Self.pae, efer: Self.lma)
        var memory = MemoryImage()
        for entry: UInt64 in 0..<512 { memory.put(0x1000 | 1, at: 0x1000 + entry * 8) }
        #expect(paging.translate(0x1234, memory) == 0x1234 & 0xFFF | 0x1000)
        for entry: UInt64 in 0..<512 { memory.put(.max, at: 0x1000 + entry * 8) }
        #expect(paging.translate(0x1234, memory) == nil)
        #expect(Paging(cr0: Self.pg, cr3: .max, cr4: Self.pae, efer: Self.lma).translate(.max, memory) == nil)
        #expect(Paging(cr0: Self.pg, cr3: .max, cr4: 0, efer: 0).translate(0xFFFF_FFFF, memory) == nil)
    }

    @Test func bytesCrossPageBorders() {
        var memory = MemoryImage()
        memory.put(0x2000 | 1, at: 0x1000, width: 4)
        memory.put(0x7000 | 1, at: 0x2000, width: 4)
        memory.put(0x5000 | 1, at: 0x2004, width: 4)
        memory.put(0x11, at: 0x7FFF, width: 1)
        memory.put(0x22, at: 0x5000, width: 1)
        let virtual = VirtualMemory(Paging(cr0: Self.pg, cr3: 0x1000, cr4: 0, efer: 0), memory)
        #expect(virtual.read(at: 0xFFF, count: 2) == [0x11, 0x22])
        #expect(virtual.read(at: 0x1FFF, count: 2) == nil)
        #expect(virtual.read(at: .max, count: 2) == nil)
        #expect(virtual.read(at: 0, count: -1) == nil)
    }
}
