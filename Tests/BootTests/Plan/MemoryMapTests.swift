import Boot
import Testing

@Suite("Memory map")
struct MemoryMapTests {
    private func rows(_ map: MemoryMap) -> [[UInt64]] {
        map.regions.map { [$0.start, $0.size, UInt64($0.kind.rawValue)] }
    }

    @Test("has no RAM in the legacy hole")
    func hole() {
        #expect(
            rows(MemoryMap(belowFourGiB: mebibyte * 2)) == [
                [0, 0x9fc00, 1], [0x9fc00, 0x60400, 2], [0x100000, mebibyte, 1],
            ])
        #expect(rows(MemoryMap(belowFourGiB: 0x80000)) == [[0, 0x80000, 1], [0x9fc00, 0x60400, 2]])
        #expect(rows(MemoryMap(belowFourGiB: 0)) == [[0x9fc00, 0x60400, 2]])
    }

    @Test("removes reserved regions from RAM and keeps regions disjoint")
    func reserved() {
        let map = MemoryMap(
            belowFourGiB: 4 * mebibyte,
            reserved: [
                MemoryMap.Region(start: 0x200000, size: 0x1000, kind: .acpiReclaimable, name: "ACPI tables"),
                MemoryMap.Region(start: 0x200800, size: 0x1000, kind: .reserved, name: "later"),
                MemoryMap.Region(start: .max - 10, size: 100, kind: .reserved, name: "top"),
            ])
        #expect(
            rows(map) == [
                [0, 0x9fc00, 1], [0x9fc00, 0x60400, 2], [0x100000, 0x100000, 1], [0x200000, 0x1000, 3],
                [0x201000, 0x800, 2],
                [0x201800, 0x1fe800, 1], [.max - 10, 10, 2],
            ])
        #expect(map.upperKiB == 1024)
    }

    @Test("clamps sizes to the address space")
    func extremes() {
        let map = MemoryMap(belowFourGiB: .max, aboveFourGiB: .max)
        #expect(map.regions.last?.start == 1 << 32)
        #expect(map.upperKiB == 0x3ffc00)
        #expect(map.lowerKiB == 639)
        #expect(map.size == .max)
    }

    @Test("has the same contents in all three encodings")
    func encodings() {
        let map = MemoryMap(belowFourGiB: 2 * mebibyte)
        #expect(map.e820Table.count == 60)
        #expect(map.pvhTable.count == 72)
        #expect(map.multibootTable.count == 72)
        #expect(Array(map.e820Table[20..<40]) == Array(map.pvhTable[24..<44]))
        #expect(Array(map.e820Table[20..<40]) == Array(map.multibootTable[28..<48]))
    }
}
