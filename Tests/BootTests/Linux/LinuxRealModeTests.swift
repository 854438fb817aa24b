import Boot
import TestSupport
import Testing

@Suite("Linux by its real-mode entry")
struct LinuxRealModeTests {
    /// The setup code with the header that the loader filled in.
    private func setup(_ plan: LoadPlan) throws -> [UInt8] {
        try #require(plan.blob(at: UInt64(plan.entry.data.base)))
    }

    @Test("a bzImage's setup code is at 0x10000, entered at 0x10200, with stack and heap up to 0x1e000")
    func high() throws {
        let image = LinuxBuilder().bytes
        let plan = try plan(image, commandLine: "console=ttyS0", format: .linux16)
        #expect(plan.format == .linux16)
        #expect(plan.needsFirmware)
        #expect(plan.entry.mode == .real16)
        #expect((plan.entry.cs.selector, plan.entry.cs.base, plan.entry.instructionPointer) == (0x1020, 0x10200, 0))
        #expect((plan.entry.data.selector, plan.entry.data.base) == (0x1000, 0x10000))
        #expect((plan.entry.ss.base, plan.entry.stackPointer) == (0x10000, 0xe000))
        let code = try setup(plan)
        #expect(code.count == 1024)
        #expect(code[0x210] == 0xff)
        #expect(code[0x211] == 0x81)
        #expect(code.uint32(at: 0x224) & 0xffff == 0xde00)
        #expect(plan.text(at: UInt64(code.uint32(at: 0x228))) == "console=ttyS0")
        #expect(code.uint32(at: 0x228) == 0x1e000)
        #expect(code.uint32(at: 0x214) == 0x100_0000)
        #expect(Array(code[0x26c...]) == Array(image[0x26c..<1024]))
        #expect(plan.kernel?.guestAddress == 0x100_0000)
        // Stack and heap are the kernel's own.
        #expect(
            plan.segments.contains { $0.guestAddress == 0x10400 && $0.memorySize == 0xe000 - 0x400 && $0.fileSize == 0 }
        )
    }

    @Test("an image without a 32-bit entry is loaded at 1 MiB")
    func bootLoader() throws {
        let plan = try plan(LinuxBuilder.bootLoader.bytes)
        #expect(plan.format == .linux16)
        #expect(plan.kernel?.guestAddress == 0x10_0000)
        #expect(try setup(plan).uint32(at: 0x214) == 0x10_0000)
    }

    @Test("a zImage is loaded at 0x10000, its setup code at 0x90000, with the old way to pass a command line")
    func zImage() throws {
        let image = LinuxBuilder.zImage.bytes
        let plan = try plan(image, commandLine: "root=/dev/fd0", format: .linux16)
        #expect(plan.kernel?.guestAddress == 0x10000)
        #expect((plan.entry.cs.selector, plan.entry.data.selector, plan.entry.stackPointer) == (0x9020, 0x9000, 0x9800))
        let code = try setup(plan)
        #expect(Array(code[0x20..<0x24]) == [0x3f, 0xa3, 0x00, 0x98])
        #expect(plan.text(at: 0x99800) == "root=/dev/fd0")
        #expect(code.uint32(at: 0x212) & 0xffff == 0x9800 + 14)
        #expect(code.uint32(at: 0x224) & 0xffff == 0x9600)
        #expect(code.uint32(at: 0x214) == 0x1000)
        var newer = LinuxBuilder.zImage
        newer.version = 0x0202
        newer.headerEnd = 0x22c
        let pointed = try setup(try BootTests.plan(newer.bytes, format: .linux16))
        #expect(pointed.uint32(at: 0x228) == 0x99800)
        #expect(pointed.uint32(at: 0x20) == 0xcccc_cccc || pointed.uint32(at: 0x20) == 0)
    }

    @Test("protocol 2.00 has no heap field")
    func oldest() throws {
        var builder = LinuxBuilder.zImage
        builder.version = 0x0200
        let image = builder.bytes
        let code = try setup(try plan(image, format: .linux16))
        #expect(code[0x211] == 0)
        #expect(Array(code[0x224..<0x228]) == Array(image[0x224..<0x228]))
    }

    @Test("a zImage's code ends where its setup code begins")
    func zImageSize() throws {
        var builder = LinuxBuilder.zImage
        builder.codeSize = 0x80000
        #expect(try plan(builder.bytes, format: .linux16).kernel?.fileSize == 0x80000)
        builder.codeSize += 1
        #expect(
            failure { try plan(builder.bytes, format: .linux16) }
                .contains(
                    """
                    the zImage's protected-mode code, in bytes, is 0x80001, more than 0x80000, what fits from \
                    0x10000 to 0x90000
                    """
                ))
    }

    @Test("a zImage's initrd is outside the memory to which the kernel decompresses itself")
    func zImageInitrd() throws {
        var builder = LinuxBuilder.zImage
        builder.codeSize = 100_001
        let modules = [LoadPlan.Module(name: "initrd.img", size: mebibyte)]
        let needed = 0x10_0000 + 3 * 100_001 + mebibyte
        let plan = try plan(
            builder.bytes, modules: modules, memory: MemoryMap(belowFourGiB: needed + 4096), format: .linux16)
        #expect(try #require(plan.initrd).guestAddress >= 0x10_0000 + 3 * 100_001)
        #expect(
            failure {
                try BootTests.plan(
                    builder.bytes, modules: modules, memory: MemoryMap(belowFourGiB: needed - 4096), format: .linux16)
            }
            .contains("there is no room for initrd initrd.img"))
    }

    @Test("setup code may take 32 KiB")
    func setupSize() throws {
        #expect(try setup(try plan(LinuxBuilder(setupSectors: 63).bytes, format: .linux16)).count == 0x8000)
        #expect(
            failure { try plan(LinuxBuilder(setupSectors: 64).bytes, format: .linux16) }
                == """
                setup header: setup_sects (0x1f1), in bytes with the boot sector, is 0x8200, more than 0x8000, the \
                room for setup code: \
                the kernel file is damaged or truncated
                """)
        // 0 stands for 4, and the 64-bit entry has no use for setup code.
        #expect(try setup(try plan(LinuxBuilder(setupSectors: 0).bytes, format: .linux16)).count == 2560)
        #expect(try plan(LinuxBuilder(setupSectors: 255).bytes).kernel?.fileOffset == 0x20000)
    }

    @Test("the command line before protocol 2.02 ends below 0x9a000")
    func commandLine() throws {
        #expect(
            failure { try plan(LinuxBuilder.zImage.bytes, commandLine: text(256), format: .linux16) }.contains(
                "more than the 255"))
        var builder = LinuxBuilder(loadFlags: 0, commandLineSize: .max)
        builder.codeSize = 1025
        #expect(throws: Never.self) { try plan(builder.bytes, commandLine: text(2047), format: .linux16) }
        #expect(
            failure { try plan(builder.bytes, commandLine: text(2048), format: .linux16) }
                == """
                the command line is 2048 bytes long, more than the 2047 that this kernel takes (no more fit below \
                0x9a000)
                """
        )
        let long = LinuxBuilder(commandLineSize: .max).bytes
        #expect(throws: Never.self) { try plan(long, commandLine: text(16383), format: .linux16) }
    }

    private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("a kernel that would decompress itself over its setup code is refused")
    func runtimeOverSetup() {
        let builder = LinuxBuilder(isRelocatable: false, preferredAddress: 0x1_0000, initialSize: 0x1000)
        #expect(
            failure { try plan(builder.bytes, format: .linux16) }
                == "the decompressed Linux kernel (0x10000-0x10fff) overlaps the setup code (0x10000-0x103ff)")
        #expect(throws: Never.self) { try plan(builder.bytes, format: .linux32) }
    }

    @Test("missing low memory is named in the error")
    func tooSmall() {
        #expect(
            failure { try plan(LinuxBuilder().bytes, memory: MemoryMap(belowFourGiB: 0x1e000), format: .linux16) }
                .contains("--memory 1M or more would hold it"))
        #expect(
            failure { try plan(LinuxBuilder.zImage.bytes, memory: MemoryMap(belowFourGiB: 0x90000), format: .linux16) }
                .contains("--memory 1M or more would hold it"))
    }
}
