import PostMortem
import Testing
import TestSupport
import X86

struct SymbolTableTests {
    private static let map = """
        0000000000000000 A fixed_percpu_data
        ffffffff81000000 T _text
        ffffffff81000000 T startup_64
        ffffffff81000100 t do_idle
        ffffffff81000200 T schedule
        ffffffff81a00000 D jiffies
        not a line
        """

    @Test func aSystemMap() throws {
        let table = try #require(SymbolTable(map: Array(Self.map.utf8)))
        #expect(table.name(of: 0xFFFF_FFFF_8100_0000) == "_text")
        #expect(table.name(of: 0xFFFF_FFFF_8100_01FF) == "do_idle+0xff")
        #expect(table.name(of: 0xFFFF_FFFF_80FF_FFFF) == nil)
        #expect(table.name(of: 5) == nil)
        #expect(table.isCode(0xFFFF_FFFF_8100_0150))
        #expect(!table.isCode(0xFFFF_FFFF_81A0_0000))
        #expect(SymbolTable(map: Array("nothing here".utf8)) == nil)
        #expect(SymbolTable(map: []) == nil)
    }

    /// Of several names at one address the first that has a size stands for all; where none has one, the first.
    @Test func anAddressHasTheNameOfItsFirstSymbolWithASize() {
        func name(_ symbols: (size: UInt64, name: String)...) -> String? {
            SymbolTable(
                symbols.map { SymbolTable.Symbol(address: 0x1000, size: $0.size, name: $0.name, isCode: true) }
            ).name(of: 0x1000)
        }
        #expect(name((0, "label"), (16, "function")) == "function")
        #expect(name((16, "function"), (0, "label")) == "function")
        #expect(name((16, "function"), (32, "alias")) == "function")
        #expect(name((32, "function"), (16, "alias")) == "function")
        #expect(name((0, "label"), (16, "function"), (0, "other"), (16, "alias")) == "function")
        #expect(name((0, "label"), (0, "other")) == "label")
        #expect(name((1, "byte"), (0, "label")) == "byte")
        #expect(name((0, "label"), (1, "byte")) == "byte")
    }

    @Test func whatDebianPutsInTheMapsPlaceNamesNothing() {
        #expect(
            SymbolTable(
                map: Array("ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n".utf8))
                == nil)
        // What /proc/kallsyms shows to somebody who may not see addresses.
        #expect(SymbolTable(map: Array("0000000000000000 T _text\n0000000000000000 t do_idle\n".utf8)) == nil)
    }

    @Test func aRunningKernelsModulesAreNotThisOnes() throws {
        let text = Self.map + "\nffffffff81000400 T asm_exc_page_fault\nffffffffc0001000 t faulty_init\t[faulty]\n"
        let table = try #require(SymbolTable(map: Array(text.utf8)))
        #expect(table.name(of: 0xFFFF_FFFF_C000_1000) == "[module]")
        #expect(table.isCode(0xFFFF_FFFF_C000_1000))
        #expect(table.name(of: 0xFFFF_FFFF_FF00_0000) == nil)
        #expect(!table.isCode(0xFFFF_FFFF_FF00_0000))
        // Another system's kernel has nothing there.
        let other = try #require(SymbolTable(map: Array(Self.map.utf8)))
        #expect(other.name(of: 0xFFFF_FFFF_C000_1000) == nil)
        #expect(!other.isCode(0xFFFF_FFFF_C000_1000))
    }

    /// A gate of the IDT at 0x4000.
    private static func gate(_ vector: UInt64, _ handler: UInt64, in memory: inout MemoryImage) {
        memory.put(
            handler & 0xFFFF | 0x10 << 16 | 0x8E00 << 32 | (handler >> 16 & 0xFFFF) << 48, at: 0x4000 + vector * 16)
        memory.put(handler >> 32, at: 0x4000 + vector * 16 + 8)
    }

    @Test("shifts before the handlers are set up, and of symbols that were relocated further")
    func shiftEdgeCases() throws {
        let names = "\nffffffff81000400 T asm_exc_page_fault\nffffffff81000300 T early_idt_handler_array\n"
        let table = try #require(SymbolTable(map: Array((Self.map + names).utf8)))
        var registers = ProcessorRegisters()
        (registers.is64Bit, registers.idtBase) = (true, 0x4000)
        let flat = Paging(cr0: 0, cr3: 0, cr4: 0, efer: 0)
        var early = MemoryImage()
        for vector: UInt64 in 0..<32 { Self.gate(vector, 0xFFFF_FFFF_8100_0300 + 0x3E0_0000 + 9 * vector, in: &early) }
        #expect(table.shift(registers, VirtualMemory(flat, early)) == 0x3E0_0000)
        var lower = MemoryImage()
        Self.gate(14, 0xFFFF_FFFF_8100_0400 - 0x60_0000, in: &lower)
        var moved = table
        moved.offset = try #require(table.shift(registers, VirtualMemory(flat, lower)))
        #expect(moved.name(of: 0xFFFF_FFFF_8100_0105 - 0x60_0000) == "do_idle+0x5")
        // No multiple of 2 MiB, and further than a kernel moves.
        for handler: UInt64 in [0xFFFF_FFFF_8100_1400, 0xFFFF_FFFF_8100_0400 - 0x4000_0000, 0xFFFF_8000_8100_0400] {
            var memory = MemoryImage()
            Self.gate(14, handler, in: &memory)
            #expect(table.shift(registers, VirtualMemory(flat, memory)) == nil, "\(handler)")
        }
    }

    @Test func aKernelThatMovedItself() throws {
        var table = try #require(SymbolTable(map: Array((Self.map + "\nffffffff81000400 T asm_exc_page_fault\n").utf8)))
        var memory = MemoryImage()
        let handler: UInt64 = 0xFFFF_FFFF_8100_0400 + 0x1C0_0000
        memory.put(handler & 0xFFFF | 0x10 << 16 | 0x8E00 << 32 | (handler >> 16 & 0xFFFF) << 48, at: 0x4000 + 14 * 16)
        memory.put(handler >> 32, at: 0x4000 + 14 * 16 + 8)
        var registers = ProcessorRegisters()
        (registers.is64Bit, registers.idtBase) = (true, 0x4000)
        let virtual = VirtualMemory(Paging(cr0: 0, cr3: 0, cr4: 0, efer: 0), memory)
        let shift = try #require(table.shift(registers, virtual))
        #expect(shift == 0x1C0_0000)
        table.offset = shift
        #expect(table.name(of: 0xFFFF_FFFF_8100_0105 + 0x1C0_0000) == "do_idle+0x5")
        #expect(table.name(of: 0xFFFF_FFFF_8100_0105) == nil)
        // Another's gate, and no table at all.
        registers.idtBase = 0x4008
        #expect(table.shift(registers, virtual) == nil)
        registers.idtBase = .max
        #expect(table.shift(registers, virtual) == nil)
    }

    /// An ELF file of 64 bits with one section of code, a symbol table and its names.
    private static func elf(
        symbols: [(name: Int, info: UInt8, section: UInt16, value: UInt64, size: UInt64)], names: [UInt8]
    ) -> [UInt8] {
        func fields(_ fields: [(value: UInt64, width: Int)]) -> [UInt8] {
            fields.flatMap { field in (0..<field.width).map { UInt8(truncatingIfNeeded: field.value >> UInt64(8 * $0)) }
            }
        }
        func section(_ type: UInt64, _ flags: UInt64, _ offset: Int, _ size: Int, link: UInt64 = 0) -> [UInt8] {
            fields([(0, 4), (type, 4), (flags, 8), (0, 8), (UInt64(offset), 8), (UInt64(size), 8), (link, 4), (0, 20)])
        }
        let list = symbols.flatMap {
            fields([(UInt64($0.name), 4), (UInt64($0.info), 2), (UInt64($0.section), 2), ($0.value, 8), ($0.size, 8)])
        }
        let table = 64 + list.count + names.count
        let header: [UInt8] =
            fields([
                (0x01_0102_464C_457F, 16), (2, 2), (62, 2), (1, 4), (0, 16), (UInt64(table), 8), (0, 4), (64, 2),
                (0, 4), (64, 2), (4, 2), (0, 2),
            ])
        var sections = section(0, 0, 0, 0)
        sections += section(1, 6, 0, 0)
        sections += section(2, 0, 64, list.count, link: 3)
        sections += section(3, 0, 64 + list.count, names.count)
        return header + list + names + sections
    }

    private static func reader(_ file: [UInt8]) -> SymbolTable.FileReader {
        { offset, count in
            guard count >= 0, offset <= UInt64(file.count), UInt64(count) <= UInt64(file.count) - offset else {
                return nil
            }
            return Array(file[Int(offset)..<Int(offset) + count])
        }
    }

    private static let file = elf(
        symbols: [
            (0, 0, 0, 0, 0), (1, 2, 1, 0x100000, 0x20), (6, 2, 1, 0x100100, 8), (11, 4, 1, 5, 0), (11, 0, 0xFFF1, 6, 0),
            (900, 2, 1, 7, 7),
        ],
        names: Array("\0main\0idle\0file\0".utf8))

    @Test func anELFFile() throws {
        let table = try #require(SymbolTable(elf: Self.reader(Self.file)))
        #expect(table.symbols.map(\.name) == ["main", "idle"])
        #expect(table.name(of: 0x10001F) == "main+0x1f")
        #expect(table.name(of: 0x100104) == "idle+0x4")
        // Behind a symbol that has a size, and far from it, it means nothing.
        #expect(table.name(of: 0x1000C0) == nil)
    }

    /// Whoever makes the file decides how many names one address has; each look at it takes the same time.
    @Test func manyNamesAtOneAddressCostNoTime() throws {
        var names: [SymbolTable.Symbol] = [.init(address: 0x2000, size: 16, name: "last", isCode: true)]
        names += (0..<100_000).map { .init(address: 0x1000, size: $0 == 7 ? 16 : 0, name: "n\($0)", isCode: true) }
        let table = SymbolTable(names)
        let start = ContinuousClock.now
        for _ in 0..<20_000 { _ = table.name(of: 0x1004) }
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(table.name(of: 0x1004) == "n7+0x4")
        #expect(table.name(of: 0x2000) == "last")
        #expect(table.omission == nil)
        #expect(table.address(of: "n99999") == 0x1000)
        #expect(table.address(of: "n100000") == nil)
        #expect(table.address(of: "") == nil)
    }

    @Test func whatThereIsNoTimeForIsLeftOutAndSaid() throws {
        let many = Self.elf(
            symbols: (0..<5000).map { (1, 2, 1, 0x100000 + UInt64($0) * 16, 16) }, names: Array("\0f\0".utf8))
        #expect(try #require(SymbolTable(elf: Self.reader(many))).omission == nil)
        let some = try #require(SymbolTable(elf: Self.reader(many), isOver: { true }))
        #expect(some.omission == .time(1023))
        #expect(some.symbols.count == 1023)
        #expect(some.name(of: 0x100004) == "f+0x4")
        let map = (0..<5000).map { "ffffffff8100\(1000 + $0) T n\($0)\n" }.joined()
        let short = try #require(SymbolTable(map: Array(map.utf8), isOver: { true }))
        #expect(short.omission == .time(1023))
        #expect(short.symbols.count == 1023)
    }

    @Test func damagedELFFiles() {
        for length in 0..<Self.file.count { #expect(SymbolTable(elf: Self.reader(Array(Self.file[..<length]))) == nil) }
        for place in Self.file.indices {
            for value: UInt8 in [0, 0x7F, 0xFF] {
                var file = Self.file
                file[place] = value
                // Whatever it reads: it ends, and names nothing that is not in the file.
                _ = SymbolTable(elf: Self.reader(file))?.name(of: 0x100000)
            }
        }
    }
}
