import Boot
import TestSupport
import Testing

/// A source that counts what it is asked for, and can fail or fall short.
final class CountingImage: ImageSource {
    struct Refused: Error, CustomStringConvertible {
        var description: String { "pread: Input/output error" }
    }

    let image: InMemoryImage
    let claimedSize: UInt64
    let failsAt: UInt64?
    private(set) var bytesRead = 0

    init(_ bytes: [UInt8], claimedSize: UInt64? = nil, failsAt: UInt64? = nil) {
        image = InMemoryImage(bytes)
        self.claimedSize = claimedSize ?? UInt64(bytes.count)
        self.failsAt = failsAt
    }

    var size: UInt64 { claimedSize }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] {
        if offset == failsAt { throw Refused() }
        bytesRead += count
        return try image.read(at: offset, count: count)
    }
}

@Suite("Hostile images")
struct HostileImageTests {
    struct Sample: CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        var format: KernelFormat?
        var modules: [LoadPlan.Module] = []
        /// The bytes worth changing.
        let fields: [Int]

        init(_ name: String, _ bytes: [UInt8]) {
            testDescription = name
            self.bytes = bytes
            fields = Array(bytes.indices)
        }

        /// A Linux image with an initrd. Of such a file only the setup header's fields are looked at.
        init(_ name: String, _ builder: LinuxBuilder, _ format: KernelFormat) {
            testDescription = name
            bytes = builder.bytes
            self.format = format
            modules = [LoadPlan.Module(name: "initrd", size: 1 << 20)]
            fields = [
                0x1f1..<0x1f2, 0x1f4..<0x1f8, 0x1fe..<0x208, 0x211..<0x212, 0x214..<0x218, 0x22c..<0x23c, 0x258..<0x264,
            ].flatMap { $0 }
        }

        func plan(_ changed: [UInt8]) throws -> LoadPlan {
            try BootTests.plan(changed, modules: modules, format: format)
        }
    }

    static let samples = [
        Sample("ELF64 with a note", ELFBuilder.pvh().bytes),
        Sample("ELF32 with a note", ELFBuilder.pvh(is64Bit: false).bytes),
        Sample("multiboot ELF32", ELFBuilder.multiboot().bytes),
        Sample("multiboot ELF64", ELFBuilder.multiboot(is64Bit: true).bytes),
        Sample(
            "multiboot with addresses",
            multibootHeader(flags: 1 << 16, addresses: [0x100000, 0x100000, 0x100080, 0x101000, 0x100020])
                + [UInt8](repeating: 0, count: 96)),
        Sample("Linux, 64-bit", LinuxBuilder(), .linux64), Sample("Linux, 32-bit", LinuxBuilder.protocol205, .linux32),
        Sample("Linux, real mode", LinuxBuilder(), .linux16),
        Sample("Linux, real mode, loaded low", LinuxBuilder(loadFlags: 0), .linux16),
    ]

    @Test("are refused when truncated at any length", arguments: samples)
    func truncated(sample: Sample) throws {
        let image = sample.bytes
        #expect(throws: Never.self) { try sample.plan(image) }
        for length in image.indices {
            #expect(throws: BootError.self, "\(length) bytes") { try sample.plan(Array(image[..<length])) }
        }
    }

    @Test("with any byte changed give a valid plan or an error", arguments: samples)
    func changedBytes(sample: Sample) throws {
        let image = sample.bytes
        for index in sample.fields {
            for value in [0, 1, 0x7f, 0x80, 0xff, image[index] ^ 1] as [UInt8] {
                var changed = image
                changed[index] = value
                do {
                    _ = try sample.plan(changed)
                } catch is BootError {
                }
            }
        }
    }

    @Test("with any 32 bits at their extremes give a valid plan or an error", arguments: samples)
    func changedWords(sample: Sample) throws {
        let image = sample.bytes
        for index in sample.fields where index % 4 == 0 && index <= image.count - 4 {
            for value in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_ffff] as [UInt32] {
                var changed = image
                changed.store(value, at: index)
                do {
                    _ = try sample.plan(changed)
                } catch is BootError {
                }
            }
        }
    }

    @Test("with a bad ELF header are refused by the field's name", arguments: [true, false])
    func elfHeader(is64Bit: Bool) {
        let good = ELFBuilder.pvh(is64Bit: is64Bit).bytes
        func sentence(_ change: (inout [UInt8]) -> Void) -> String {
            var image = good
            change(&image)
            return failure { try plan(image) }
        }
        #expect(sentence { $0[4] = 3 }.contains("EI_CLASS is 0x3 where"))
        #expect(sentence { $0[5] = 2 }.contains("EI_DATA is 0x2 where"))
        #expect(sentence { $0.store(UInt16(1), at: 16) }.contains("e_type is 0x1 where"))
        #expect(sentence { $0.store(UInt16(183), at: 18) }.contains("e_machine is 0xb7 where"))
        #expect(
            sentence { $0.store(UInt32.max, at: is64Bit ? 32 : 28) }.contains("e_phoff is 0xffffffff, more than 0x"))
        #expect(sentence { $0.store(UInt16(57), at: is64Bit ? 54 : 42) }.contains("e_phentsize is 0x39 where"))
        for count in [0, 257, 0xffff] as [UInt16] {
            #expect(
                sentence { $0.store(count, at: is64Bit ? 56 : 44) }.contains(
                    "e_phnum is 0x\(String(count, radix: 16)) where 1 to 256"))
        }
        #expect(
            sentence { $0.store(UInt16(200), at: is64Bit ? 56 : 44) }.contains(
                "its ELF program headers should reach to byte"))
    }

    @Test("with a bad program header are refused by the field's name", arguments: [true, false])
    func programHeader(is64Bit: Bool) {
        let builder = ELFBuilder.pvh(is64Bit: is64Bit)
        func sentence(_ field: (in32: Int, in64: Int), _ value: UInt32) -> String {
            var image = builder.bytes
            image.store(value, at: builder.offset(ofField: field, header: 0))
            return failure { try plan(image) }
        }
        #expect(
            sentence(ELFBuilder.fileOffsetField, .max).contains(
                "program header 0: p_offset is 0xffffffff, more than 0x"))
        #expect(
            sentence(ELFBuilder.fileSizeField, 4097).contains(
                "program header 0: p_filesz is 0x1001, more than 0x1000, p_memsz"))
        #expect(sentence(ELFBuilder.fileSizeField, 4096).contains("program header 0: p_filesz is 0x1000, more than 0x"))
        #expect(sentence(ELFBuilder.memorySizeField, 0).contains("no segment to load"))
        #expect(sentence(ELFBuilder.memorySizeField, 255).contains("p_filesz is 0x100, more than 0xff, p_memsz"))
        #expect(
            sentence(ELFBuilder.physicalAddressField, 0x9f000).contains("reserved for the legacy video and BIOS area"))
    }

    @Test("are read only in headers, notes and the first 8 KiB")
    func boundedReads() throws {
        let builder = ELFBuilder.pvh(memorySize: 1 << 26)
        let image = CountingImage(builder.bytes + [UInt8](repeating: 0, count: 1 << 20))
        _ = try LoadPlan.plan(image: image, name: "kernel", memory: MemoryMap(belowFourGiB: 128 * mebibyte))
        #expect(image.bytesRead < 1024)
    }

    @Test("that shrink while being read, or can't be read, are refused")
    func failingSource() {
        let bytes = ELFBuilder.pvh().bytes
        let memory = MemoryMap(belowFourGiB: 128 * mebibyte)
        let short = CountingImage(Array(bytes[..<100]), claimedSize: UInt64(bytes.count))
        #expect(failure { try LoadPlan.plan(image: short, name: "kernel", memory: memory) }.contains("truncated"))
        let failing = CountingImage(bytes, failsAt: 64)
        #expect(
            failure { try LoadPlan.plan(image: failing, name: "kernel", memory: memory) }
                == "can't read 112 bytes at 0x40 of the kernel file (ELF program headers): pread: Input/output error")
    }
}
