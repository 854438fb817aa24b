import Boot
import TestSupport
import Testing

@Suite("Places of a Linux kernel and its initrd")
struct LinuxPlacementTests {
    private func initrd(_ size: UInt64) -> [LoadPlan.Module] { [LoadPlan.Module(name: "initrd.img", size: size)] }

    private func reserved(_ start: UInt64, _ size: UInt64) -> MemoryMap {
        MemoryMap(
            belowFourGiB: 256 * mebibyte,
            reserved: [MemoryMap.Region(start: start, size: size, kind: .acpiNonVolatile, name: "a hole")])
    }

    // MARK: The kernel

    @Test("a relocatable kernel is loaded at its preferred address, or above whatever is there")
    func relocation() throws {
        #expect(try plan(LinuxBuilder().bytes).kernel?.guestAddress == 0x100_0000)
        let moved = try plan(LinuxBuilder().bytes, memory: reserved(0x110_0000, 0x1000))
        #expect(moved.kernel?.guestAddress == 0x120_0000)
        #expect(moved.entry.instructionPointer == 0x120_0200)
        #expect(moved.bootParameters?.uint32(at: 0x214) == 0x120_0000)
        let anywhere = try plan(LinuxBuilder(preferredAddress: 0).bytes)
        #expect(anywhere.kernel?.guestAddress == 0x20_0000)
    }

    @Test("a relocatable kernel is never loaded below its preferred address")
    func notBelowPreferred() throws {
        let image = LinuxBuilder(initialSize: 0x400_0000).bytes
        #expect(try plan(image, memory: MemoryMap(belowFourGiB: 80 * mebibyte)).kernel?.guestAddress == 0x100_0000)
        #expect(
            failure { try plan(image, memory: MemoryMap(belowFourGiB: 72 * mebibyte)) }
                == """
                setup header: init_size (0x260) needs 64 MiB, up to address 0x5000000 at least, which the guest's \
                memory (72 MiB) \
                doesn't have there: --memory 80M or more would hold it
                """)
    }

    @Test(
        """
        where there is no room at the alignment it prefers, a smaller one down to min_alignment does, and the \
        kernel is told
        """
    )
    func alignment() throws {
        // From 0x1234000 on there are just the 4 MiB that the kernel needs.
        let hole = MemoryMap(
            belowFourGiB: 0x163_4000,
            reserved: [MemoryMap.Region(start: 0x90_0000, size: 0x93_4000, kind: .reserved, name: "a hole")])
        let plan = try plan(LinuxBuilder(minimumAlignment: 12).bytes, memory: hole)
        #expect(plan.kernel?.guestAddress == 0x123_4000)
        #expect(plan.bootParameters?.uint32(at: 0x230) == 0x4000)
        #expect(
            failure { try BootTests.plan(LinuxBuilder(minimumAlignment: 15).bytes, memory: hole) }.contains(
                "init_size (0x260) needs 4 MiB"))
        let usual = try BootTests.plan(LinuxBuilder(minimumAlignment: 12).bytes)
        #expect(usual.bootParameters?.uint32(at: 0x230) == 0x20_0000)
    }

    @Test(
        "a kernel_alignment that is no power of two is refused, unless nothing is relocated",
        arguments: [0, 3, 0x20_0001, .max] as [UInt32])
    func badAlignment(alignment: UInt32) throws {
        let builder = LinuxBuilder(alignment: alignment)
        #expect(
            failure { try plan(builder.bytes) }
                == """
                setup header: kernel_alignment (0x230) is 0x\(String(alignment, radix: 16)) where a power of two \
                is expected
                """
        )
        var fixed = builder
        fixed.isRelocatable = false
        #expect(throws: Never.self) { try plan(fixed.bytes) }
    }

    @Test("the kernel's run-time memory must be RAM; --memory is suggested only if it helps")
    func initialSize() {
        let limited = MemoryMap(belowFourGiB: 128 * mebibyte, aboveFourGiB: 0, lowLimit: 0xc000_0000)
        for isRelocatable in [true, false] {
            for (size, advice) in [
                (0xbf00_0000, "--memory 3072M or more would hold it"), (0xbf00_0001, "no --memory would put RAM there"),
            ] {
                let builder = LinuxBuilder(isRelocatable: isRelocatable, initialSize: UInt32(size))
                let sentence = failure { try plan(builder.bytes, memory: limited) }
                #expect(sentence.hasPrefix("setup header: init_size (0x260) needs "))
                #expect(sentence.hasSuffix(advice))
            }
        }
        for preferred in [1 << 32, 0xffff_ffff, .max] as [UInt64] {
            for isRelocatable in [true, false] {
                let builder = LinuxBuilder(isRelocatable: isRelocatable, preferredAddress: preferred)
                #expect(failure { try plan(builder.bytes) }.hasSuffix("no --memory would put RAM there"))
            }
        }
    }

    @Test("a kernel that can't be relocated is loaded at its address, with memory reserved for decompression")
    func fixed() throws {
        let builder = LinuxBuilder(isRelocatable: false, preferredAddress: 0x200_0000, initialSize: 0x100_0000)
        let plan = try plan(
            builder.bytes, modules: initrd(10 * mebibyte), memory: MemoryMap(belowFourGiB: 48 * mebibyte))
        #expect(plan.kernel?.guestAddress == 0x10_0000)
        #expect(plan.kernel?.memorySize == 1025)
        #expect(plan.entry.instructionPointer == 0x10_0200)
        #expect(plan.initrd?.guestAddress == 0x200_0000 - 10 * mebibyte)
        let low = LinuxBuilder(code32Start: 0x9_0000, isRelocatable: false, preferredAddress: 0)
        #expect(failure { try BootTests.plan(low.bytes) }.contains("init_size (0x260) needs 4 MiB"))
        let outside = LinuxBuilder.protocol205
        var bytes = outside.bytes
        bytes.store(UInt32(0xa0000), at: 0x214)
        #expect(
            failure { try BootTests.plan(bytes) }.contains(
                "the Linux kernel (0xa0000-0xa0400) lies in memory that is reserved"))
        bytes.store(UInt32(0xffff_ff00), at: 0x214)
        #expect(failure { try BootTests.plan(bytes) }.contains("no --memory would put RAM there"))
    }

    @Test("before protocol 2.10 three times the size of the code is reserved, if there is as much")
    func guess() throws {
        var builder = LinuxBuilder.protocol205
        builder.codeSize = 100_001
        let image = builder.bytes
        let roomy = try plan(
            image, modules: initrd(mebibyte), memory: MemoryMap(belowFourGiB: 0x10_0000 + 3 * 100_001 + 4096 + mebibyte)
        )
        #expect(try #require(roomy.initrd).guestAddress >= 0x10_0000 + 3 * 100_001)
        #expect(
            failure {
                try plan(
                    image, modules: initrd(mebibyte),
                    memory: MemoryMap(belowFourGiB: 0x10_0000 + 2 * 100_001 + mebibyte))
            }
            .contains("there is no room for initrd initrd.img (1 MiB)"))
        #expect(throws: Never.self) { try plan(image, memory: MemoryMap(belowFourGiB: 0x10_0000 + 100_001)) }
    }

    // MARK: The initrd

    @Test(
        "the initrd lies as high as initrd_addr_max allows, page-aligned, and the kernel is told",
        arguments: [KernelFormat.linux64, .linux32])
    func initrd(format: KernelFormat) throws {
        let memory = MemoryMap(belowFourGiB: 3072 * mebibyte)
        let size = 5 * mebibyte + 1
        for (limit, end) in [(0x7fff_ffff, 0x8000_0000), (0x37ff_ffff, 0x3800_0000), (0x0fff_fffe, 0x0fff_f000)]
            as [(UInt32, UInt64)]
        {
            let plan = try plan(
                LinuxBuilder(initrdLimit: limit).bytes, modules: initrd(size), memory: memory, format: format)
            let segment = try #require(plan.initrd)
            #expect(segment.guestAddress == end - 6 * mebibyte + (end == 0x0fff_f000 ? 0xff000 + 0x1000 : 0xff000))
            #expect(segment.guestAddress % 4096 == 0)
            #expect(segment.guestAddress + size <= UInt64(limit) + 1)
            #expect(segment.fileSize == size)
            let page = try #require(plan.bootParameters)
            #expect(UInt64(page.uint32(at: 0x218)) == segment.guestAddress)
            #expect(UInt64(page.uint32(at: 0x21c)) == size)
            #expect(page.uint64(at: 0x0c0) == 0)
        }
    }

    @Test("the limit before protocol 2.03 is 896 MiB")
    func oldLimit() throws {
        var builder = LinuxBuilder.protocol205
        builder.version = 0x0202
        builder.headerEnd = 0x22c
        let plan = try plan(builder.bytes, modules: initrd(4096), memory: MemoryMap(belowFourGiB: 2048 * mebibyte))
        #expect(plan.initrd?.guestAddress == 0x3800_0000 - 4096)
    }

    @Test(
        """
        an initrd that finds no room below the limit goes above it, and above 4 GiB, only where the kernel takes \
        it there
        """
    )
    func highInitrd() throws {
        let memory = MemoryMap(belowFourGiB: 3072 * mebibyte, aboveFourGiB: 8192 * mebibyte, lowLimit: 3072 * mebibyte)
        let between = try plan(LinuxBuilder().bytes, modules: initrd(2200 * mebibyte), memory: memory)
        #expect(between.initrd?.guestAddress == (3072 - 2200) * mebibyte)
        let size = 5000 * mebibyte + 1
        let high = try plan(LinuxBuilder().bytes, modules: initrd(size), memory: memory)
        let address = try #require(high.initrd).guestAddress
        #expect(address == (4096 + 8192 - 5001) * mebibyte + 0xff000)
        let page = try #require(high.bootParameters)
        #expect(UInt64(page.uint32(at: 0x218)) | UInt64(page.uint32(at: 0x0c0)) << 32 == address)
        #expect(UInt64(page.uint32(at: 0x21c)) | UInt64(page.uint32(at: 0x0c4)) << 32 == size)

        #expect(
            failure {
                try plan(LinuxBuilder(extendedLoadFlags: 1).bytes, modules: initrd(2200 * mebibyte), memory: memory)
            }
                == """
                there is no room for initrd initrd.img (2200 MiB) beside the kernel in the guest's memory (11264 \
                MiB) below 0x7fffffff, \
                the highest address the kernel takes it at (setup header: initrd_addr_max (0x22c))
                """)
        #expect(
            failure { try plan(LinuxBuilder().bytes, modules: initrd(8193 * mebibyte), memory: memory) }
                == """
                there is no room for initrd initrd.img (8193 MiB) beside the kernel in the guest's memory (11264 \
                MiB): give more with --memory
                """
        )
        #expect(
            failure { try plan(LinuxBuilder().bytes, modules: initrd(.max), memory: memory) }.contains(
                "no room for initrd"))
    }

    @Test("a kernel entered in real mode gets 32 bits of its initrd's address: it stays below 4 GiB")
    func realModeInitrd() throws {
        let memory = MemoryMap(belowFourGiB: 3072 * mebibyte, aboveFourGiB: 8192 * mebibyte)
        let plan = try plan(LinuxBuilder().bytes, modules: initrd(2200 * mebibyte), memory: memory, format: .linux16)
        #expect(plan.initrd?.guestAddress == (3072 - 2200) * mebibyte)
        #expect(
            failure {
                try BootTests.plan(
                    LinuxBuilder().bytes, modules: initrd(5000 * mebibyte), memory: memory, format: .linux16)
            }
            .contains("there is no room for initrd initrd.img"))
    }

    @Test(
        "several initrds become one, each on a 4-byte boundary, in order",
        arguments: [KernelFormat.linux64, .linux32, .linux16])
    func severalInitrds(format: KernelFormat) throws {
        let sizes: [UInt64] = [5, 0, 8, 1]
        let modules = sizes.enumerated().map { LoadPlan.Module(name: "\($0.offset)", size: $0.element) }
        let plan = try plan(LinuxBuilder().bytes, modules: modules, format: format)
        let parts = plan.segments.filter { $0.source != .kernel }
        let start = try #require(parts.first).guestAddress
        #expect(parts.map(\.source) == [.module(0), .module(2), .module(3)])
        #expect(parts.map(\.fileSize) == [5, 8, 1])
        #expect(parts.map { $0.guestAddress - start } == [0, 8, 16])
        #expect(start % 4096 == 0)
        let header = try #require(
            format == .linux16 ? plan.blob(at: UInt64(plan.entry.data.base)) : plan.bootParameters)
        #expect(header.uint32(at: 0x218) == UInt32(start))
        #expect(header.uint32(at: 0x21c) == 17)
        let huge = [LoadPlan.Module(name: "a", size: .max - 1), LoadPlan.Module(name: "b", size: 9)]
        #expect(
            failure { try BootTests.plan(LinuxBuilder().bytes, modules: huge, format: format) }.contains(
                "no room for initrd a, b"))
    }

    @Test("an empty initrd counts as none; an initrd with arguments is refused")
    func oddInitrds() throws {
        var image = LinuxBuilder().bytes
        image.store(UInt32.max, at: 0x218)
        image.store(UInt32.max, at: 0x21c)
        let plan = try plan(image, modules: initrd(0))
        #expect(plan.initrd == nil)
        #expect(plan.bootParameters?.uint64(at: 0x218) == 0)
        let arguments = [LoadPlan.Module(name: "initrd.img", size: 1, commandLine: "x")]
        #expect(
            failure { try BootTests.plan(image, modules: arguments) }.contains(
                "no way to receive arguments of an initrd"))
    }

    @Test("without an initrd the file's own ramdisk fields never reach the kernel")
    func strayRamdisk() throws {
        var image = LinuxBuilder().bytes
        image.store(UInt32(0x1234_5000), at: 0x218)
        image.store(UInt32(0x1000), at: 0x21c)
        let plan = try plan(image)
        #expect(plan.bootParameters?.uint64(at: 0x218) == 0)
    }
}
