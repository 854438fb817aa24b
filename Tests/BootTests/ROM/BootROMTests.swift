import FoundationEssentials
import TestSupport
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
        return BootROM(booting: plan, memory: memory).parameters.bytes
    }

    private static func bytes(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// `make firmware` leaves the ROM there, as `make build` does.
    @Test("the embedded bytes equal the output of firmware/")
    func source() throws {
        let root = URL(fileURLWithPath: TestKernel.root)
        let rom = try Array(Data(contentsOf: root.appending(path: "firmware/build/rom.bin")))
        let low = try Array(Data(contentsOf: root.appending(path: "firmware/build/low.bin")))
        #expect(
            rom == Self.bytes(BootROM.words),
            "make -C firmware embed puts it there")
        #expect(
            low == Self.bytes(BootROM.lowWords),
            "make -C firmware embed puts it there")
    }

    @Test("it fills its area, with entries for a start and a reset")
    func place() {
        let bytes = Self.bytes(BootROM.words)
        #expect(UInt64(bytes.count) == BootROM.area.upperBound - BootROM.area.lowerBound)
        #expect(BootROM.area.lowerBound >= FirmwareTables.multiprocessorArea.upperBound)
        // A far jump into segment f000, the date, an AT.
        #expect(bytes[0x1ff0] == 0xea)
        #expect(Self.number(bytes, 0x1ff3, 2) == 0xf000)
        #expect(bytes[0x1ffe] == 0xfc)
        #expect(BootROM.entry.cs.base + BootROM.entry.instructionPointer == 0xfffe0)
        #expect(bytes[0x1fe0] == 0xe9)
    }

    @Test("all interrupt vectors point into it, and the data area has a PC's values")
    func lowMemory() {
        let low = Self.bytes(BootROM.lowWords)
        #expect(UInt64(low.count) == BootROM.lowArea.upperBound)
        for vector in 0..<256 {
            let (offset, segment) = (Self.number(low, 4 * vector, 2), Self.number(low, 4 * vector + 2, 2))
            #expect(segment == 0xf000, "vector \(vector)")
            #expect((0xe2b0..<0xffe0).contains(offset), "vector \(vector)")
        }
        // COM1, the EBDA's segment, equipment, KiB of base memory, mode, columns, the CRT controller, hard disks.
        #expect([0x400, 0x402, 0x40e, 0x410, 0x413].map { Self.number(low, $0, 2) } == [0x3f8, 0, 0x9fc0, 0x220, 639])
        #expect([0x449, 0x44a, 0x463, 0x475].map { Self.number(low, $0, $0 == 0x449 ? 1 : 2) } == [3, 80, 0x3d4, 0])
        #expect(BootROM.extendedDataArea.guestAddress == Self.number(low, 0x40e, 2) << 4)
        #expect(BootROM.extendedDataArea.bytes == [1])
        #expect(MemoryMap.legacyHole.start == Self.number(low, 0x413, 2) << 10)
    }

    @Test("a kernel loaded over the low area gets zeros where its file has no bytes")
    func lowKernel() throws {
        let low = ELFBuilder.multiboot(at: 0x100)
        let plan = try LoadPlan.plan(image: InMemoryImage(low.bytes), name: "low", memory: Self.memory)
        #expect(BootROM.cleared(for: plan) == [0x100..<0x500])
        let flat = try LoadPlan.plan(image: InMemoryImage([0x90]), name: "a.bin", memory: Self.memory)
        #expect(BootROM.cleared(for: flat) == [])
    }

    @Test("its parameters include the disk and the memory map")
    func parameters() throws {
        let bytes = try Self.rom(4 << 20)
        #expect(Array(bytes[0..<8]) == Array("swiftlet".utf8))
        #expect(bytes[8] == 0)
        #expect(bytes[9] == 0x80)
        #expect(bytes[10] == 0)
        #expect((0..<3).map { Self.number(bytes, 0x0c + 2 * $0, 2) } == [9, 16, 63])
        #expect(Self.number(bytes, 0x12, 2) == UInt64(BootROM.diskPort))
        #expect(Self.number(bytes, 0x14, 8) == 8192)
        // 15 MiB, 240 MiB in 64 KiB blocks, and no more than 63 MiB where 16 bits count KiB.
        #expect((0..<3).map { Self.number(bytes, 0x26 + 2 * $0, 2) } == [15 << 10, 240 << 4, 63 << 10])
        #expect(Self.number(bytes, 0x2c, 2) == UInt64(Self.memory.regions.count))
        #expect(Array(bytes[0x30..<0x30 + 20 * Self.memory.regions.count]) == Self.memory.e820Table)
    }

    @Test("it reports the first 32 regions of a longer memory map")
    func manyRegions() throws {
        let reserved = (1...40).map {
            MemoryMap.Region(start: UInt64($0) << 21, size: 4096, kind: .reserved, name: "hole")
        }
        let bytes = try Self.rom(512, memory: MemoryMap(belowFourGiB: 256 << 20, reserved: reserved))
        #expect(Self.number(bytes, 0x2c, 2) == 32)
        #expect(bytes.count == 0x30 + 32 * 20)
    }
}
