import Boot
import TestSupport
import Testing

@Suite("Linux by its 64-bit and 32-bit entries")
struct LinuxEntryTests {
    private let memory = MemoryMap(
        belowFourGiB: 256 * mebibyte, aboveFourGiB: 64 * mebibyte,
        reserved: [MemoryMap.Region(start: 0xe000_0000, size: 0x1000_0000, kind: .reserved, name: "ECAM")])

    @Test("64-bit: entered at 0x200 in long mode, RSI points to the boot parameters")
    func entry64() throws {
        let plan = try plan(LinuxBuilder().bytes)
        #expect(plan.format == .linux64)
        #expect(!plan.needsFirmware)
        let kernel = try #require(plan.kernel)
        #expect(kernel.guestAddress == 0x100_0000)
        #expect(kernel.fileOffset == 1024)
        #expect(kernel.fileSize == 1025)
        #expect(kernel.memorySize == 0x40_0000)
        let entry = plan.entry
        #expect(entry.mode == .long64)
        #expect(entry.instructionPointer == 0x100_0200)
        #expect(entry.cr0 == 0x8000_0011)
        #expect(entry.cr4 == 0x20)
        #expect(entry.efer == 0x500)
        #expect(entry.esi % 4096 == 0)
        #expect(plan.bootParameters?.count == 4096)
    }

    @Test("64-bit: segment registers match the GDT")
    func gdt64() throws {
        let plan = try plan(LinuxBuilder().bytes)
        let gdt = try #require(plan.blob(at: UInt64(plan.entry.gdtBase)))
        #expect(gdt.count == Int(plan.entry.gdtLimit) + 1)
        #expect(plan.entry.cs.selector == 0x10)
        #expect(plan.entry.data.selector == 0x18)
        #expect(gdt.uint64(at: 0x10) == 0x00af_9b00_0000_ffff)
        #expect(gdt.uint64(at: 0x18) == 0x00cf_9300_0000_ffff)
        #expect(gdt.uint64(at: Int(plan.entry.tr.selector)) == 0x0000_8b00_0000_0067)
        // In 64-bit mode a task's descriptor has sixteen bytes.
        #expect(gdt.uint64(at: Int(plan.entry.tr.selector) + 8) == 0)
    }

    @Test(
        "64-bit: page tables map the first 4 GiB to themselves and nothing else",
        arguments: [
            0, 0x7c00, 0x1f_ffff, 0x20_0000, 0x3fff_ffff, 0x4000_0000, 0xfee0_0000, 0xffff_ffff, 1 << 32, 1 << 39,
        ] as [UInt64])
    func pageTables(address: UInt64) throws {
        let plan = try plan(LinuxBuilder().bytes, memory: memory)
        let base = UInt64(plan.entry.cr3)
        let tables = try #require(plan.blob(at: base))
        #expect(base % 4096 == 0)
        func entry(_ table: UInt64, _ shift: UInt64) throws -> UInt64 {
            let offset = Int(table - base) + Int(address >> shift & 511) * 8
            try #require(tables.indices.contains(offset))
            return tables.uint64(at: offset)
        }
        var table = base
        for shift in [39, 30] as [UInt64] {
            let value = try entry(table, shift)
            if address >= 1 << 32, value & 1 == 0 { return }
            #expect(value & 0x83 == 3)
            table = value & ~0xfff
        }
        try #require(address < 1 << 32)
        let page = try entry(table, 21)
        #expect(page & 0x83 == 0x83)
        #expect(page & ~0x1f_ffff | address & 0x1f_ffff == address)
    }

    @Test("32-bit: entered at its start in protected mode without paging, ESI points to the boot parameters")
    func entry32() throws {
        for image in [LinuxBuilder().bytes, LinuxBuilder(extendedLoadFlags: 0).bytes] {
            let plan = try plan(image, format: .linux32)
            #expect(plan.format == .linux32)
            #expect(plan.entry.mode == .protected32)
            #expect(plan.entry.instructionPointer == 0x100_0000)
            #expect(plan.entry.cr0 == 0x11)
            #expect(
                [plan.entry.cr3, plan.entry.cr4, plan.entry.efer, plan.entry.eax, plan.entry.ebx] == [0, 0, 0, 0, 0])
            #expect(plan.bootParameters?.count == 4096)
            let gdt = try #require(plan.blob(at: UInt64(plan.entry.gdtBase)))
            #expect(plan.entry.cs.selector == 0x10)
            #expect(plan.entry.data.selector == 0x18)
            #expect(gdt.uint64(at: 0x10) == 0x00cf_9b00_0000_ffff)
            #expect(gdt.uint64(at: 0x18) == 0x00cf_9300_0000_ffff)
        }
    }

    @Test("the best entry is taken: 64-bit, else 32-bit, else real mode")
    func best() throws {
        for format in [nil, .linux] as [KernelFormat?] {
            #expect(try plan(LinuxBuilder().bytes, format: format).format == .linux64)
            #expect(try plan(LinuxBuilder(extendedLoadFlags: 2).bytes, format: format).format == .linux32)
            #expect(try plan(LinuxBuilder(version: 0x020b).bytes, format: format).format == .linux32)
            #expect(try plan(LinuxBuilder.protocol205.bytes, format: format).format == .linux32)
            #expect(try plan(LinuxBuilder.bootLoader.bytes, format: format).format == .linux16)
            #expect(try plan(LinuxBuilder.zImage.bytes, format: format).format == .linux16)
            var old = LinuxBuilder.zImage
            old.loadFlags = 1
            #expect(try plan(old.bytes, format: format).format == .linux16)
        }
    }

    /// memdisk and GRUB's lnxboot.img claim all of the 32-bit protocol, and have no code for it.
    @Test("an image whose setup code never leaves real mode is entered there")
    func realModeOnly() throws {
        for version: UInt16 in [0x0203, 0x0205, 0x020c] {
            var builder = LinuxBuilder(version: version, isRelocatable: false, extendedLoadFlags: 0)
            #expect(try plan(builder.bytes).format == .linux32)
            builder.setupSwitchesMode = false
            #expect(try plan(builder.bytes).format == .linux16)
            #expect(try plan(builder.bytes, format: .linux32).format == .linux32)
            // lmsw ax; smsw ax is no switch.
            var image = builder.bytes
            image.replaceSubrange(0x300..<0x303, with: [0x0f, 0x01, 0xe0])
            #expect(try plan(image).format == .linux16)
            image.replaceSubrange(0x300..<0x303, with: [0x0f, 0x01, 0xf0])
            #expect(try plan(image).format == .linux32)
        }
        // Who says that there is a 64-bit entry has one.
        #expect(try plan(LinuxBuilder(setupSwitchesMode: false).bytes).format == .linux64)
    }

    @Test("a missing entry is refused with the name of the field that tells so")
    func missingEntry() {
        #expect(
            failure { try plan(LinuxBuilder(extendedLoadFlags: 0).bytes, format: .linux64) }
                == """
                setup header: xloadflags (0x236) is 0x0 where bit 0 (XLF_KERNEL_64), without which there is no \
                64-bit entry, is expected
                """
        )
        for format in [.linux64, .linux32] as [KernelFormat] {
            #expect(
                failure { try plan(LinuxBuilder.zImage.bytes, format: format) }.contains(
                    "loadflags (0x211) is 0x0 where bit 0 (LOADED_HIGH)"))
        }
        var old = LinuxBuilder.zImage
        old.loadFlags = 1
        #expect(
            failure { try plan(old.bytes, format: .linux32) }
                == """
                setup header: version (0x206) is 0x201 where 0x202 or more: an older image can only be entered in \
                real mode, \
                with --format linux16, is expected
                """)
        #expect(
            failure { try plan(LinuxBuilder(codeSize: 0x200).bytes, format: .linux64) }
                .contains(
                    """
                    64-bit entry (protected-mode code + 0x200) is 0x1000200, which lies in none of the kernel's \
                    loaded segments
                    """
                ))
        for format in [KernelFormat.linux, .linux64, .linux32, .linux16] {
            #expect(
                failure { try plan(ELFBuilder.pvh().bytes, format: format) }.contains(
                    "it has no setup header (HdrS at 0x202)"))
        }
    }

    @Test(
        "boot parameters: the setup header, completed, command line, RSDP and memory map",
        arguments: [KernelFormat.linux64, .linux32])
    func bootParameters(format: KernelFormat) throws {
        let image = LinuxBuilder().bytes
        let plan = try plan(
            image, commandLine: "console=ttyS0 quiet", memory: memory, rsdpAddress: 0xe0000, format: format)
        let page = try #require(plan.bootParameters)
        #expect(page.uint64(at: 0x070) == 0xe0000)
        #expect(page[0x1ef] == 0)
        #expect(page.uint32(at: 0x1e0) == 255 * 1024)
        #expect(page[0x210] == 0xff)
        #expect(Array(page[0x1fa..<0x1fc]) == [0xff, 0xff])
        #expect(page.uint32(at: 0x214) == 0x100_0000)
        #expect(plan.text(at: UInt64(page.uint32(at: 0x228))) == "console=ttyS0 quiet")
        #expect(page.uint64(at: 0x250) == 0)
        #expect((page.uint32(at: 0x218), page.uint32(at: 0x21c), page.uint64(at: 0x0c0)) == (0, 0, 0))
        // All that a loader has no business with is as in the file.
        let filled = [0x1fa..<0x1fc, 0x210..<0x211, 0x214..<0x218, 0x228..<0x22c]
        for offset in 0x1f1..<0x26c where !filled.contains(where: { $0.contains(offset) }) {
            #expect(page[offset] == image[offset], "byte \(offset)")
        }
        #expect(Array(page[0x26c..<0x2d0]).allSatisfy { $0 == 0 })
        #expect(Array(page[..<0x070]).allSatisfy { $0 == 0 })

        #expect(Int(page[0x1e8]) == memory.regions.count)
        for (index, region) in memory.regions.enumerated() {
            let entry = 0x2d0 + 20 * index
            #expect(page.uint64(at: entry) == region.start)
            #expect(page.uint64(at: entry + 8) == region.size)
            #expect(page.uint32(at: entry + 16) == region.kind.rawValue)
        }
    }

    @Test("boot parameters: a memory map of more than 128 regions continues in setup_data")
    func furtherRegions() throws {
        let holes = (0..<100).map {
            MemoryMap.Region(start: 0x800_0000 + UInt64($0) * 0x2000, size: 0x1000, kind: .reserved, name: "hole \($0)")
        }
        let memory = MemoryMap(belowFourGiB: 256 * mebibyte, reserved: holes)
        let plan = try plan(LinuxBuilder().bytes, memory: memory)
        let page = try #require(plan.bootParameters)
        #expect(page[0x1e8] == 128)
        #expect(memory.regions.count == 203)
        let list = try #require(plan.blob(at: page.uint64(at: 0x250)))
        #expect(list.uint64(at: 0) == 0)
        #expect(list.uint32(at: 8) == 1)
        #expect(Int(list.uint32(at: 12)) == 75 * 20)
        #expect(list.count == 16 + 75 * 20)
        #expect(list.uint64(at: 16) == memory.regions[128].start)
        #expect(list.uint64(at: list.count - 20) == memory.regions[202].start)
        #expect(
            failure { try self.plan208(memory) }
                == """
                the memory map has 203 regions, more than the 128 that a kernel of a boot protocol before 2.09 takes
                """
        )
    }

    private func plan208(_ memory: MemoryMap) throws -> LoadPlan {
        try plan(LinuxBuilder(version: 0x0208).bytes, memory: memory)
    }

    @Test("boot structures avoid the pages from 0x9d000 on, which a decompressor uses")
    func lowStructures() throws {
        let plan = try plan(LinuxBuilder().bytes, commandLine: String(repeating: "x", count: 2047))
        #expect(plan.blobs.count == 4)
        for blob in plan.blobs {
            #expect(blob.guestAddress >= 0x90000)
            #expect(blob.guestAddress + UInt64(blob.bytes.count) <= 0x9d000)
        }
    }

    @Test(
        "the command line may be as long as the kernel says, or 255 bytes before protocol 2.06",
        arguments: [
            (LinuxBuilder(), 2047, "cmdline_size (0x238)"),
            (LinuxBuilder(commandLineSize: 10), 10, "cmdline_size (0x238)"),
            (.protocol205, 255, "its boot protocol is older than 2.06"), (.bootLoader, 2047, "cmdline_size (0x238)"),
        ] as [(LinuxBuilder, Int, String)])
    func commandLine(builder: LinuxBuilder, limit: Int, because: String) throws {
        #expect(throws: Never.self) { try plan(builder.bytes, commandLine: String(repeating: "x", count: limit)) }
        let sentence = failure { try plan(builder.bytes, commandLine: String(repeating: "x", count: limit + 1)) }
        #expect(
            sentence.hasPrefix(
                "the command line is \(limit + 1) bytes long, more than the \(limit) that this kernel takes ("))
        #expect(sentence.contains(because))
    }
}
