import Boot
import Testing

@Suite("Kernel formats")
struct KernelImageTests {
    @Test("a PVH note takes precedence over a multiboot header, unless the format is forced")
    func both() throws {
        var builder = ELFBuilder.multiboot(is64Bit: true)
        builder.headers.append(ELFBuilder.Header(type: 4, content: ELFBuilder.note(entry: 0x100020)))
        #expect(try plan(builder.bytes).format == .pvh)
        #expect(try plan(builder.bytes, format: .multiboot).format == .multiboot)
        #expect(try plan(builder.bytes, format: .flat).format == .flat)
    }

    @Test("a forced format that the file lacks is refused")
    func forced() {
        #expect(failure { try plan(ELFBuilder.multiboot().bytes, format: .pvh) }.contains("it has no PVH note"))
        #expect(failure { try plan([1, 2, 3], format: .pvh) }.contains("it is no ELF file"))
        #expect(failure { try plan(ELFBuilder.pvh().bytes, format: .multiboot) }.contains("it has no multiboot header"))
    }

    @Test("an ELF file without note and header is refused by name")
    func plainELF() {
        var builder = ELFBuilder.pvh()
        builder.headers[1].content = ELFBuilder.note(owner: "GNU", type: 18, description: [0, 0, 0, 0])
        #expect(
            failure { try plan(builder.bytes) }.contains(
                "neither a PVH note (owner Xen, type 18) nor a multiboot header"))
    }

    @Test(
        "known formats that can't be booted are named",
        arguments: [
            ([0x1f, 0x8b, 8], "a gzip-compressed file"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "an xz-compressed file"),
            ([0x28, 0xb5, 0x2f, 0xfd], "a zstd-compressed file"), ([0x04, 0x22, 0x4d, 0x18], "an lz4-compressed file"),
            ([0x42, 0x5a, 0x68, 0x39], "a bzip2-compressed file"), ([0x5d, 0, 0, 0x80], "an lzma-compressed file"),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0xd6, 0x50, 0x52, 0xe8], "a multiboot 2 kernel"),
        ] as [([UInt8], String)])
    func unsupported(magic: [UInt8], name: String) {
        let sentence = failure { try plan(magic + [UInt8](repeating: 0, count: 32), name: "vmlinuz.bin") }
        #expect(sentence.contains("is \(name), which is known but not supported yet"))
    }

    @Test(
        """
        a multiboot 2 ELF file is named, wherever in the first 32 KiB its header stands; not where it is multiboot \
        1 or PVH too
        """
    )
    func multiboot2() throws {
        var builder = ELFBuilder.multiboot(is64Bit: true)
        let header: [UInt8] = [0xd6, 0x50, 0x52, 0xe8, 0, 0, 0, 0, 24, 0, 0, 0, 0x12, 0xaf, 0xad, 0x17]
        // Contents begin on an 8-byte boundary of the file.
        for padding in [0, 16384] {
            builder.headers[0].content =
                [UInt8](repeating: 0, count: padding) + header + [UInt8](repeating: 0, count: 64)
            for format in [nil, .multiboot] as [KernelFormat?] {
                let sentence = failure { try plan(builder.bytes, format: format) }
                #expect(sentence.contains("is a multiboot 2 kernel"))
                #expect(sentence.contains("give it a multiboot 1 header or a PVH note as well"))
            }
        }
        builder.headers[0].content = multibootHeader() + [0, 0, 0, 0] + header + [UInt8](repeating: 0, count: 64)
        #expect(try plan(builder.bytes).format == .multiboot)
    }

    @Test("a CD image without a boot sector is refused by name")
    func compactDisk() throws {
        var image = [UInt8](repeating: 0, count: 40960)
        image.replaceSubrange(0x8000..<0x8006, with: [1] + Array("CD001".utf8))
        #expect(failure { try plan(image, name: "debian.iso") }.contains("the image of a CD (ISO 9660)"))
        (image[510], image[511]) = (0x55, 0xaa)
        #expect(try plan(image, name: "debian.iso").format == .disk)
    }

    @Test("junk and an empty file are refused")
    func junk() {
        #expect(failure { try plan(Array("#!/bin/sh\n".utf8)) }.contains("of no known format"))
        #expect(failure { try plan([]) } == "the kernel file is empty")
        #expect(failure { try plan([], format: .flat) } == "the kernel file is empty")
    }

    @Test("a flat binary starts in real mode at 1000:0000", arguments: ["a.bin", "A.FLAT"])
    func flat(name: String) throws {
        let plan = try plan([0xf4], name: name)
        #expect(plan.format == .flat)
        #expect(plan.segments.map(\.guestAddress) == [0x10000])
        #expect(plan.entry.mode == .real16)
        #expect(plan.entry.cs.selector == 0x1000)
        #expect(plan.entry.cs.base == 0x10000)
        #expect(plan.entry.data.base == 0x10000)
        #expect(plan.entry.instructionPointer == 0)
        #expect(plan.entry.ss.base == 0)
        #expect(plan.entry.stackPointer == 0xfff0)
        #expect(plan.blobs.isEmpty)
    }

    @Test("a flat binary must fit below the legacy area and has no modules or command line")
    func flatLimits() throws {
        #expect(try plan([UInt8](repeating: 0x90, count: 0x8fc00), format: .flat).segments.count == 1)
        #expect(
            failure { try plan([UInt8](repeating: 0x90, count: 0x8fc01), format: .flat) }
                .contains("588801 bytes long, more than the 588800"))
        #expect(
            failure { try plan([0xf4], commandLine: "x", format: .flat) }.contains("no way to receive a command line"))
        let module = LoadPlan.Module(name: "m", size: 1)
        #expect(failure { try plan([0xf4], modules: [module], format: .flat) }.contains("no way to receive an initrd"))
        let tiny = MemoryMap(belowFourGiB: 0x10800)
        #expect(
            failure { try plan([UInt8](repeating: 0x90, count: 0x801), memory: tiny, format: .flat) }.contains(
                "--memory 1M or more"))
    }
}
