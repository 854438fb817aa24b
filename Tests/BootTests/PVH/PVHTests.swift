import Boot
import Testing

@Suite("ELF with a PVH note")
struct PVHTests {
    @Test("is loaded by its program headers and entered at its note's address", arguments: [true, false])
    func loads(is64Bit: Bool) throws {
        let plan = try plan(ELFBuilder.pvh(is64Bit: is64Bit).bytes)
        #expect(plan.format == .pvh)
        #expect(plan.segments.count == 1)
        let segment = try #require(plan.segments.first)
        #expect(segment.guestAddress == 0x100000)
        #expect(segment.fileSize == 256)
        #expect(segment.memorySize == 4096)
        #expect(segment.fileOffset == (is64Bit ? 64 + 2 * 56 : 52 + 2 * 32))
        #expect(plan.entry.mode == .protected32)
        #expect(plan.entry.instructionPointer == 0x100000)
        #expect(plan.entry.cr0 & 0x8000_0001 == 1)
    }

    @Test("gets a version 1 start info with command line and memory map")
    func startInfo() throws {
        let memory = MemoryMap(belowFourGiB: 64 * mebibyte, aboveFourGiB: 16 * mebibyte)
        let plan = try plan(ELFBuilder.pvh().bytes, commandLine: "irq=msi n=5", memory: memory, rsdpAddress: 0xf0000)
        let info = try #require(plan.blob(at: UInt64(plan.entry.ebx)))
        #expect(info.count == 56)
        #expect(info.uint32(at: 0) == 0x336e_c578)
        #expect(info.uint32(at: 4) == 1)
        #expect(info.uint32(at: 8) == 0)
        #expect(info.uint32(at: 12) == 0)
        #expect(info.uint64(at: 16) == 0)
        #expect(plan.text(at: info.uint64(at: 24)) == "irq=msi n=5")
        #expect(info.uint64(at: 32) == 0xf0000)
        let entries = Int(info.uint32(at: 48))
        let map = try #require(plan.blob(at: info.uint64(at: 40)))
        #expect(entries == 4)
        #expect(map.count == 24 * entries)
        let table = (0..<entries).map {
            [map.uint64(at: 24 * $0), map.uint64(at: 24 * $0 + 8), UInt64(map.uint32(at: 24 * $0 + 16))]
        }
        #expect(
            table == [
                [0, 0x9fc00, 1], [0x9fc00, 0x60400, 2], [0x100000, 63 * mebibyte, 1], [1 << 32, 16 * mebibyte, 1],
            ])
    }

    @Test("gets its initrd below 896 MiB, page-aligned and described by a module list")
    func modules() throws {
        let modules = [
            LoadPlan.Module(name: "initrd", size: 5 * mebibyte + 1),
            LoadPlan.Module(name: "extra", size: 0, commandLine: "a b"),
        ]
        let plan = try plan(ELFBuilder.pvh().bytes, modules: modules, memory: MemoryMap(belowFourGiB: 2048 * mebibyte))
        let info = try #require(plan.blob(at: UInt64(plan.entry.ebx)))
        #expect(info.uint32(at: 12) == 2)
        let list = try #require(plan.blob(at: info.uint64(at: 16)))
        #expect(list.count == 64)
        #expect(list.uint64(at: 0) == 0x3800_0000 - 5 * mebibyte - 4096)
        #expect(list.uint64(at: 8) == 5 * mebibyte + 1)
        #expect(list.uint64(at: 16) == 0)
        #expect(list.uint64(at: 40) == 0)
        #expect(plan.text(at: list.uint64(at: 48)) == "a b")
        #expect(plan.segments.map(\.source) == [.kernel, .module(0), .module(1)])
    }

    @Test("has its note found after others, also with 8-byte alignment")
    func notes() throws {
        var builder = ELFBuilder.pvh()
        var entry: [UInt8] = []
        entry.append(littleEndian: UInt64(0x100010))
        builder.headers[1].content =
            ELFBuilder.note(owner: "Linux", type: 18, description: [1])
            + ELFBuilder.note(type: 6, description: Array("linux\0".utf8))
            + ELFBuilder.note(description: entry)
        #expect(try plan(builder.bytes).entry.instructionPointer == 0x100010)

        builder.headers[1].alignment = 8
        builder.headers[1].content =
            ELFBuilder.note(owner: "GNU", type: 5, description: [1, 2, 3], alignment: 8)
            + ELFBuilder.note(description: entry, alignment: 8)
        #expect(try plan(builder.bytes).entry.instructionPointer == 0x100010)
    }

    @Test("with a note that extends beyond its segment is refused")
    func brokenNotes() {
        var builder = ELFBuilder.pvh()
        let good = builder.headers[1].content
        builder.headers[1].content.store(UInt32.max, at: 0)
        #expect(
            failure { try plan(builder.bytes) }.contains(
                "program header 1: note at 0x0: n_namesz is 0xffffffff, more than 0x8,"))
        builder.headers[1].content = good
        builder.headers[1].content.store(UInt32.max, at: 4)
        #expect(failure { try plan(builder.bytes) }.contains("n_descsz is 0xffffffff, more than 0x4,"))
        builder.headers[1].content = good
        builder.headers[1].content.store(UInt32(2), at: 4)
        #expect(
            failure { try plan(builder.bytes) }.contains("n_descsz of the PVH entry is 0x2 where 4 or 8 is expected"))
        var wide: [UInt8] = []
        wide.append(littleEndian: UInt64(1) << 32)
        builder.headers[1].content = ELFBuilder.note(description: wide)
        #expect(failure { try plan(builder.bytes) }.contains("PVH entry is 0x100000000, more than 0xffffffff"))
        builder.headers[1].content = [UInt8](repeating: 0, count: 65537)
        #expect(
            failure { try plan(builder.bytes) }.contains("program header 1: p_filesz is 0x10001, more than 0x10000"))
    }

    @Test("with an entry outside its segments is refused", arguments: [0, 0xfffff, 0x101000, UInt32.max])
    func entryOutside(entry: UInt32) {
        var builder = ELFBuilder.pvh()
        builder.headers[1].content = ELFBuilder.note(entry: entry)
        #expect(
            failure { try plan(builder.bytes) }.contains(
                "PVH note: entry is 0x\(String(entry, radix: 16)), which lies in none"))
    }

    @Test("gets a flat GDT whose descriptors match its segment registers")
    func gdt() throws {
        let plan = try plan(ELFBuilder.pvh().bytes)
        let gdt = try #require(plan.blob(at: UInt64(plan.entry.gdtBase)))
        #expect(gdt.count == Int(plan.entry.gdtLimit) + 1)
        #expect(gdt.uint64(at: Int(plan.entry.cs.selector)) == 0x00cf_9b00_0000_ffff)
        #expect(gdt.uint64(at: Int(plan.entry.ss.selector)) == 0x00cf_9300_0000_ffff)
        #expect(gdt.uint64(at: Int(plan.entry.tr.selector)) == 0x0000_8b00_0000_0067)
    }
}
