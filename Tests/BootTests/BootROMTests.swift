import FoundationEssentials
import Testing

@testable import Boot

@Suite("Boot ROM")
struct BootROMTests {
    private static let memory = MemoryMap(
        belowFourGiB: 256 << 20, reserved: [.init(start: 0xe000_0000, size: 1 << 28, kind: .reserved, name: "PCI")])

    private static func rom(_ size: Int, memory: MemoryMap = memory) throws -> [UInt8] {
        var sector = [UInt8](repeating: 0, count: size)
        (sector[510], sector[511]) = (0x55, 0xaa)
        let plan = try LoadPlan.plan(image: InMemoryImage(sector), name: "disk", memory: memory)
        return BootROM(booting: plan, memory: memory).blob.bytes
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// `make firmware` leaves the ROM there, as `make build` does.
    @Test("what is embedded is what firmware/ assembles to")
    func source() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let assembled = try Array(Data(contentsOf: root.appending(path: "firmware/build/rom.bin")))
        let embedded = BootROM.words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
        #expect(assembled == embedded, "make -C firmware embed puts it there")
    }

    @Test("it fills its place, and a reset finds its entry")
    func place() throws {
        let bytes = try Self.rom(1 << 20)
        #expect(UInt64(bytes.count) == BootROM.area.upperBound - BootROM.area.lowerBound)
        #expect(BootROM.area.lowerBound >= FirmwareTables.multiprocessorArea.upperBound)
        // A far jump into segment f000.
        #expect(bytes[0x1ff0] == 0xea && Self.number(bytes, 0x1ff3, 2) == 0xf000)
        #expect(BootROM.entry.cs.base + BootROM.entry.instructionPointer == 0xffff0)
    }

    @Test("it knows the disk and the memory map")
    func parameters() throws {
        let bytes = try Self.rom(4 << 20)
        #expect(Array(bytes[0..<8]) == Array("swiftlet".utf8))
        #expect(bytes[8] == 0 && bytes[9] == 0x80 && bytes[10] == 0)
        #expect((0..<3).map { Self.number(bytes, 0x0c + 2 * $0, 2) } == [9, 16, 63])
        #expect(Self.number(bytes, 0x12, 2) == UInt64(BootROM.diskPort) && Self.number(bytes, 0x14, 8) == 8192)
        // 15 MiB, 240 MiB in 64 KiB blocks, and no more than 63 MiB where 16 bits count KiB.
        #expect((0..<3).map { Self.number(bytes, 0x26 + 2 * $0, 2) } == [15 << 10, 240 << 4, 63 << 10])
        #expect(Self.number(bytes, 0x2c, 2) == UInt64(Self.memory.regions.count))
        #expect(Array(bytes[0x30..<0x30 + 20 * Self.memory.regions.count]) == Self.memory.e820Table)
    }

    @Test("of a memory map with very many regions it tells the first 32")
    func manyRegions() throws {
        let reserved = (1...40).map { MemoryMap.Region(start: UInt64($0) << 21, size: 4096, kind: .reserved, name: "hole") }
        let bytes = try Self.rom(512, memory: MemoryMap(belowFourGiB: 256 << 20, reserved: reserved))
        #expect(Self.number(bytes, 0x2c, 2) == 32)
        #expect(bytes.count == 8192 && bytes[0x1ff0] == 0xea)
    }
}
