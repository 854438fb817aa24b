import Boot
import FoundationEssentials
import TestSupport
import Testing

@Suite("Linux setup header")
struct LinuxHeaderTests {
    private func sentence(
        format: KernelFormat? = nil, _ builder: LinuxBuilder = LinuxBuilder(), _ change: (inout [UInt8]) -> Void
    ) -> String {
        var image = builder.bytes
        change(&image)
        return failure { try plan(image, format: format) }
    }

    @Test("identifies a Linux image, whatever the file's name and multiboot header")
    func recognition() throws {
        #expect(try plan(LinuxBuilder().bytes, name: "memtest86+x64.bin").format == .linux64)
        var image = LinuxBuilder().bytes
        image.replaceSubrange(1024..<1036, with: multibootHeader())
        #expect(try plan(image).format == .linux64)
        // Without the magic number what is left is a boot sector.
        var sector = LinuxBuilder().bytes
        sector[0x202] = 0
        #expect(try plan(sector).format == .disk)
        #expect(
            failure { try plan(Array(LinuxBuilder().bytes[..<0x208])) }.contains(
                "its Linux setup header should reach to byte 620"))
    }

    @Test("with a damaged field is refused by the field's name")
    func damaged() {
        #expect(sentence { $0[0x1fe] = 0 } == "setup header: boot_flag (0x1fe) is 0xaa00 where 0xaa55 is expected")
        #expect(
            sentence { $0.store(UInt16(0x01ff), at: LinuxBuilder.Offset.version) }
                == "setup header: version (0x206) is 0x1ff where 0x200 or more is expected")
        for jump in [0x6ae9, 0x80eb, 0xffeb, 0x21eb, 0x00eb] as [UInt16] {
            #expect(
                sentence { $0.store(jump, at: LinuxBuilder.Offset.jump) }.contains(
                    "jump (0x200) is 0x\(String(jump, radix: 16)) where"))
        }
        #expect(
            sentence { $0[0x201] = 0x22 }.contains("a jump beyond cmd_line_ptr (protocol 2.02) is expected"))
    }

    @Test("must not claim more setup code or kernel than the file holds")
    func sizes() throws {
        #expect(
            sentence { $0[LinuxBuilder.Offset.setupSectors] = 200 }
                == "setup header: setup_sects (0x1f1), in bytes with the boot sector, is 0x19200, more than 0x800, "
                + "the file's size with a byte of protected-mode code: the kernel file is damaged or truncated")
        #expect(
            sentence { $0.store(UInt32(66), at: LinuxBuilder.Offset.systemSize) }
                .contains(
                    "syssize (0x1f4), in bytes, is 0x420, more than 0x401, the file's bytes after its setup code"))
        #expect(
            sentence { $0.store(UInt32.max, at: LinuxBuilder.Offset.systemSize) }.contains(
                "syssize (0x1f4), in bytes, is 0xffffffff0"))
        // Signatures may follow the code, and before protocol 2.04 there were only 16 bits.
        #expect(try plan(LinuxBuilder().bytes + [1, 2, 3]).kernel?.fileSize == 1028)
        var old = LinuxBuilder.zImage.bytes
        old.store(UInt32.max, at: LinuxBuilder.Offset.systemSize)
        #expect(throws: Never.self) { try plan(old, format: .linux16) }
    }

    @Test("has the fields of its protocol version up to its own end")
    func fields() throws {
        // Without relocatable_kernel and pref_address the kernel stays at code32_start.
        for (version, end, address) in [
            (0x020f, 0x26c, 0x100_0000), (0x020a, 0x264, 0x100_0000), (0x0209, 0x26c, 0x20_0000),
            (0x020f, 0x258, 0x20_0000),
            (0x0204, 0x26c, 0x10_0000), (0x020f, 0x234, 0x10_0000),
        ] as [(UInt16, Int, UInt64)] {
            let builder = LinuxBuilder(version: version, headerEnd: end)
            #expect(try plan(builder.bytes, format: .linux32).kernel?.guestAddress == address, "\(version) \(end)")
        }
        #expect(
            failure { try plan(LinuxBuilder(version: 0x020b).bytes, format: .linux64) }.contains(
                "xloadflags (0x236) is 0x0"))
        #expect(
            failure { try plan(LinuxBuilder(headerEnd: 0x237).bytes, format: .linux64) }.contains(
                "xloadflags (0x236) is 0x0"))
        // Bytes behind the header's end are code.
        let page = try #require(try plan(LinuxBuilder(headerEnd: 0x264).bytes).bootParameters)
        #expect(page[0x264] == 0)
    }

    @Test("and setup code are the only parts read, at most 32 KiB in real mode")
    func boundedReads() throws {
        var builder = LinuxBuilder()
        builder.codeSize = 1 << 20
        builder.setupSectors = 63
        for (format, limit) in [(.linux64, 2048), (.linux16, 0x8000 + 2048)] as [(KernelFormat, Int)] {
            let image = CountingImage(builder.bytes)
            _ = try LoadPlan.plan(
                image: image, name: "bzImage", memory: MemoryMap(belowFourGiB: 128 * mebibyte), format: format)
            #expect(image.bytesRead < limit)
        }
    }

    @Test("that can't be read is named in the error")
    func failingSource() {
        let image = CountingImage(LinuxBuilder().bytes, failsAt: 0)
        #expect(
            failure {
                try LoadPlan.plan(
                    image: image, name: "bzImage", memory: MemoryMap(belowFourGiB: 128 * mebibyte), format: .linux)
            }
                == "can't read 520 bytes at 0x0 of the kernel file (Linux setup header): pread: Input/output error")
    }
}

/// Images as distributions ship them, where they are installed.
@Suite("Installed Linux images")
struct InstalledLinuxTests {
    static let images: [URL] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/boot")) ?? []
        return names.filter {
            $0.hasPrefix("vmlinuz") || $0.hasPrefix("memtest86+") && $0.hasSuffix(".bin") || $0.hasSuffix(".lkrn")
        }
        .map { URL(fileURLWithPath: "/boot/\($0)") }.filter { FileManager.default.isReadableFile(atPath: $0.path) }
        .sorted { $0.path < $1.path }
    }()

    @Test("can be planned by each of their entries, with an initrd", arguments: images)
    func plans(image: URL) throws {
        let bytes = Array(try Data(contentsOf: image))
        let modules = [LoadPlan.Module(name: "initrd.img", size: 30 * mebibyte)]
        let memory = MemoryMap(belowFourGiB: 256 * mebibyte)
        let best = try plan(bytes, modules: modules, memory: memory).format
        switch image.lastPathComponent {
        case "ipxe.lkrn": #expect(best == .linux16)
        case "memtest86+ia32.bin": #expect(best == .linux32)
        default: #expect(best == .linux64)
        }
        for format in [best, .linux32, .linux16] {
            #expect(
                try plan(bytes, commandLine: "console=ttyS0", modules: modules, memory: memory, format: format).format
                    == format)
        }
    }

    @Test("are refused with one page less than the memory that they need", arguments: images)
    func memory(image: URL) throws {
        let bytes = Array(try Data(contentsOf: image))
        guard bytes.uint32(at: 0x206) & 0xffff >= 0x20a else { return }
        // pref_address and init_size.
        let needed = (bytes.uint64(at: 0x258) + UInt64(bytes.uint32(at: 0x260)) + 4095) / 4096 * 4096
        #expect(throws: Never.self) { try plan(bytes, memory: MemoryMap(belowFourGiB: needed), format: .linux32) }
        #expect(
            failure { try plan(bytes, memory: MemoryMap(belowFourGiB: needed - 4096), format: .linux32) }
                .contains("init_size (0x260) needs \(bytes.uint32(at: 0x260)) bytes"))
    }
}

@Suite struct LinuxReleaseTests {
    private func release(_ text: String, pointer: UInt16 = 0x80) -> String? {
        var bytes = LinuxBuilder().bytes
        bytes.store(pointer, at: 0x20E)
        bytes.replaceSubrange(0x280..<0x280 + text.utf8.count, with: Array(text.utf8))
        return LinuxRelease.of(InMemoryImage(bytes))
    }

    @Test func itIsWhatTheImageSays() {
        #expect(release("6.1.0-56-amd64 (debian-kernel@lists.debian.org) #1 SMP") == "6.1.0-56-amd64")
        #expect(release("2.6.32") == "2.6.32")
    }

    @Test func whatOnlyComesAsALinuxHasNone() {
        for text in ["MEMDISK 6.04", "Memtest86+", ".1", "6", "6.", ""] { #expect(release(text) == nil, "\(text)") }
        #expect(release("6.1.0", pointer: 0) == nil)
        #expect(release("6.1.0", pointer: 0xFFFF) == nil)
        #expect(LinuxRelease.of(InMemoryImage([1, 2, 3])) == nil)
    }
}
