import Testing

@testable import Boot

@Suite("Disk images")
struct DiskImageTests {
    /// An image of so many bytes with a boot signature, whose first sector `body` completes. Only its head is there.
    private struct Image: ImageSource {
        let size: UInt64
        let head: [UInt8]

        init(_ size: UInt64, _ body: (inout [UInt8]) -> Void = { _ in }) {
            var head = [UInt8](repeating: 0, count: Int(min(size, 16384)))
            if size >= 512 { (head[510], head[511]) = (0x55, 0xaa) }
            body(&head)
            self.size = size
            self.head = head
        }

        func read(at offset: UInt64, count: Int) throws -> [UInt8] {
            try InMemoryImage(head).read(at: offset, count: count)
        }
    }

    private static func disk(_ image: Image, kind: DiskImage.Kind? = nil) throws -> DiskImage {
        let plan = try LoadPlan.plan(
            image: image, name: "disk", memory: MemoryMap(belowFourGiB: 32 << 20), diskKind: kind)
        #expect(plan.format == .disk)
        #expect(plan.needsFirmware)
        #expect(plan.segments.isEmpty)
        #expect(plan.blobs.isEmpty)
        return try #require(plan.disk)
    }

    @Test(
        "a floppy is known by its size",
        arguments: [(1440, 80, 18, 4), (720, 80, 9, 3), (1200, 80, 15, 2), (360, 40, 9, 1), (2880, 80, 36, 6)])
    func floppies(kib: UInt64, cylinders: UInt16, sectors: UInt16, type: UInt8) throws {
        let disk = try Self.disk(Image(kib << 10))
        #expect(disk.drive == 0)
        #expect(disk.cylinders == cylinders)
        #expect(disk.heads == 2)
        #expect(disk.trackSectors == sectors)
        #expect(disk.floppyType == type)
        #expect(disk.sectorCount == kib * 2)
    }

    @Test(
        "what is larger than any floppy is a fixed disk's, and a sector begun counts",
        arguments: [
            (5760 * 512 + 1, 5761, 6, 16), (4 << 20, 8192, 9, 16), (1024 * 16 * 63 * 512, 1024 * 16 * 63, 1024, 16),
            (1024 * 16 * 63 * 512 + 1, 1024 * 16 * 63 + 1, 65, 255), (1 << 41, 1 << 32, 1024, 255),
        ] as [(UInt64, UInt64, UInt16, UInt16)])
    func fixedDisks(size: UInt64, sectors: UInt64, cylinders: UInt16, heads: UInt16) throws {
        let disk = try Self.disk(Image(size))
        #expect(disk.drive == 0x80)
        #expect(disk.sectorCount == sectors)
        #expect(disk.cylinders == cylinders)
        #expect(disk.heads == heads)
        #expect(disk.trackSectors == 63)
        #expect(disk.floppyType == 0)
    }

    @Test(
        "what is smaller than a floppy is one too, all of whose sectors are there",
        arguments: [
            (512, 2880, 18, 4), (1024, 2880, 18, 4), (2879 * 512 + 1, 2880, 18, 4), (2881 * 512, 5760, 36, 6),
            (5759 * 512, 5760, 36, 6),
        ] as [(UInt64, UInt64, UInt16, UInt8)])
    func smallImages(size: UInt64, sectors: UInt64, track: UInt16, type: UInt8) throws {
        let disk = try Self.disk(Image(size))
        #expect(disk.drive == 0)
        #expect(disk.sectorCount == sectors)
        #expect(disk.cylinders == 80)
        #expect(disk.heads == 2)
        #expect(disk.trackSectors == track)
        #expect(disk.floppyType == type)
    }

    @Test(
        """
        a small image is a disk where it has partitions, or a file system that says so; one of a floppy's format \
        is a floppy of that
        """
    )
    func signs() throws {
        func partition(_ sector: inout [UInt8]) {
            sector.replaceSubrange(0x1c2..<0x1ce, with: [0x83, 1, 1, 1, 63, 0, 0, 0, 0, 8, 0, 0])
        }
        let partitioned = try Self.disk(Image(1 << 20, partition))
        #expect(partitioned.drive == 0x80)
        #expect(partitioned.sectorCount == 2048)
        // Code where the table would be.
        let code = try Self.disk(
            Image(1 << 20) {
                partition(&$0)
                $0[0x1de] = 0xe9
            })
        #expect(code.drive == 0)
        func fileSystem(_ media: UInt8) -> (inout [UInt8]) -> Void {
            {
                $0.replaceSubrange(0..<3, with: [0xeb, 0x3c, 0x90])
                $0.replaceSubrange(0x0b..<0x0d, with: [0x00, 0x02])
                $0.replaceSubrange(0x13..<0x16, with: [0xa0, 0x05, media])
                $0.replaceSubrange(0x18..<0x1c, with: [9, 0, 2, 0])
            }
        }
        #expect(try Self.disk(Image(1 << 19, fileSystem(0xf8))).drive == 0x80)
        let floppy = try Self.disk(Image(1 << 19, fileSystem(0xf9)))
        #expect(floppy.drive == 0)
        #expect(floppy.sectorCount == 1440)
        #expect(floppy.trackSectors == 9)
        #expect(floppy.floppyType == 3)
    }

    @Test("an explicit kind is used, and a floppy has at most 2.88 MB")
    func told() throws {
        let disk = try Self.disk(Image(1440 << 10), kind: .disk)
        #expect(disk.drive == 0x80)
        #expect(disk.sectorCount == 2880)
        #expect(disk.trackSectors == 63)
        #expect(try Self.disk(Image(1440 << 10), kind: .floppy).drive == 0)
        let memory = MemoryMap(belowFourGiB: 32 << 20)
        func sentence(_ image: Image) -> String? {
            #expect(throws: BootError.self) {
                _ = try LoadPlan.plan(image: image, name: "disk.bin", memory: memory, diskKind: .floppy)
            }?.description
        }
        #expect(sentence(Image(4 << 20))?.contains("more than the 2949120 of the largest floppy") == true)
        #expect(sentence(Image(4096) { $0[510] = 0 })?.contains("the file is no disk image") == true)
    }

    @Test("the geometry is that of the first partition or the file system")
    func geometry() throws {
        let partitioned = try Self.disk(
            Image(8 << 20) {
                $0[0x1be + 4] = 0x0c
                $0[0x1be + 5] = 63
                $0[0x1be + 6] = 0xe0
            })
        #expect(partitioned.heads == 64)
        #expect(partitioned.trackSectors == 32)
        #expect(partitioned.cylinders == 8)
        let formatted = try Self.disk(
            Image(8 << 20) {
                $0.replaceSubrange(0..<3, with: [0xeb, 0x3c, 0x90])
                $0.replaceSubrange(0x0b..<0x0d, with: [0x00, 0x02])
                $0[0x15] = 0xf8
                $0.replaceSubrange(0x18..<0x1c, with: [17, 0, 4, 0])
            })
        #expect(formatted.heads == 4)
        #expect(formatted.trackSectors == 17)
        #expect(formatted.cylinders == 241)
    }

    @Test(
        "what makes no sense in it is not taken",
        arguments: [(0xff, 0x3f), (0x0f, 0x00), (0xff, 0x00)] as [(UInt8, UInt8)])
    func nonsense(head: UInt8, sector: UInt8) throws {
        let disk = try Self.disk(
            Image(8 << 20) {
                $0[0x1be + 4] = 0x83
                $0[0x1be + 5] = head
                $0[0x1be + 6] = sector
            })
        #expect(disk.heads == 16)
        #expect(disk.trackSectors == 63)
    }

    @Test("a multiboot header in a boot loader doesn't hide the disk; a bzImage or an ELF file does")
    func precedence() throws {
        let magic: [UInt8] = [0x02, 0xb0, 0xad, 0x1b, 0, 0, 0, 0, 0xfe, 0x4f, 0x52, 0xe4]
        #expect(try Self.disk(Image(4 << 20) { $0.replaceSubrange(1024..<1036, with: magic) }).sectorCount == 8192)
        let named = try LoadPlan.plan(image: Image(1024), name: "boot.bin", memory: MemoryMap(belowFourGiB: 32 << 20))
        #expect(named.format == .disk)
        let flat = try LoadPlan.plan(
            image: Image(1024), name: "boot.bin", memory: MemoryMap(belowFourGiB: 32 << 20), format: .flat)
        #expect(flat.format == .flat)
    }

    @Test(
        "what can't be booted is said",
        arguments: [(511, "it has 511 bytes"), (1 << 41 + 1, "it has "), (4096, "no boot signature")]
            as [(UInt64, String)])
    func refusals(size: UInt64, words: String) throws {
        let image = Image(size) { $0[min($0.count - 1, 511)] = 0 }
        let error = #expect(throws: BootError.self) {
            _ = try LoadPlan.plan(image: image, name: "disk", memory: MemoryMap(belowFourGiB: 32 << 20), format: .disk)
        }
        #expect(error?.description.contains(words) == true)
    }

    @Test("modules and a command line are refused for a boot sector")
    func arguments() throws {
        let memory = MemoryMap(belowFourGiB: 32 << 20)
        #expect(throws: BootError.self) {
            try LoadPlan.plan(image: Image(512), name: "disk", commandLine: "x", memory: memory)
        }
        #expect(throws: BootError.self) {
            try LoadPlan.plan(
                image: Image(512), name: "disk", modules: [.init(name: "initrd", size: 1)], memory: memory)
        }
    }
}
