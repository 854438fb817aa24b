import Testing

@testable import Boot

@Suite("El Torito")
struct ElToritoTests {
    /// A CD of 32 sectors whose boot code is in sector 20, completed by `body`; its checksum is made right.
    private static func cd(_ body: (inout [UInt8]) -> Void = { _ in }) -> InMemoryImage {
        var bytes = [UInt8](repeating: 0, count: 32 * 2048)
        func put(_ values: [UInt8], at offset: Int) {
            bytes.replaceSubrange(offset..<offset + values.count, with: values)
        }
        put([1] + Array("CD001".utf8) + [1], at: 16 * 2048)
        put([0] + Array("CD001".utf8) + [1] + Array("EL TORITO SPECIFICATION".utf8), at: 17 * 2048)
        put([19, 0, 0, 0], at: 17 * 2048 + 0x47)
        put([1], at: 19 * 2048)
        put([0x55, 0xaa], at: 19 * 2048 + 30)
        put([0x88, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0], at: 19 * 2048 + 32)
        body(&bytes)
        let words = stride(from: 19 * 2048, to: 19 * 2048 + 32, by: 2).map {
            UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
        }
        let sum = words.reduce(0, &+)
        put([UInt8(truncatingIfNeeded: 0 &- sum), UInt8(truncatingIfNeeded: (0 &- sum) >> 8)], at: 19 * 2048 + 28)
        return InMemoryImage(bytes)
    }

    private static func plan(_ image: InMemoryImage, kind: DiskImage.Kind? = nil) throws -> LoadPlan {
        try LoadPlan.plan(image: image, name: "cd.iso", memory: MemoryMap(belowFourGiB: 32 << 20), diskKind: kind)
    }

    private static func disk(_ image: InMemoryImage, kind: DiskImage.Kind? = nil) throws -> DiskImage {
        let plan = try plan(image, kind: kind)
        #expect(plan.format == .disk)
        #expect(plan.needsFirmware)
        return try #require(plan.disk)
    }

    @Test("a CD is drive 0xe0 with its boot code's place; segment 0 means 0x7c0")
    func entry() throws {
        let disk = try Self.disk(Self.cd())
        #expect(disk.drive == 0xe0)
        #expect(disk.sectorCount == 128)
        let cd = try #require(disk.cd)
        #expect((cd.first, cd.count, cd.segment) == (20, 4, 0x7c0))
        #expect(try Self.disk(Self.cd { $0[19 * 2048 + 35] = 0x10 }).cd?.segment == 0x1000)
    }

    @Test("a CD that is also a disk boots as a disk, or as a CD if that is asked for")
    func hybrid() throws {
        let image = Self.cd { ($0[510], $0[511]) = (0x55, 0xaa) }
        #expect(try Self.disk(image).cd == nil)
        #expect(try Self.disk(image, kind: .cd).cd != nil)
        #expect(failure { try Self.plan(Self.cd(), kind: .floppy) }.contains("the image of a CD (ISO 9660)"))
    }

    @Test(
        "that holds a floppy or a disk is that one",
        arguments: [(1, 2400, 0, 2), (2, 2880, 0, 4), (3, 5760, 0, 6), (4, 48, 0x80, 0)]
            as [(UInt8, UInt64, UInt8, UInt8)])
    func emulated(medium: UInt8, sectors: UInt64, drive: UInt8, type: UInt8) throws {
        let disk = try Self.disk(
            Self.cd {
                $0.replaceSubrange(19 * 2048 + 33..<19 * 2048 + 40, with: [medium, 0, 0, 0, 0, 1, 0])
                ($0[20 * 2048 + 510], $0[20 * 2048 + 511]) = (0x55, 0xaa)
            })
        #expect(disk.cd == nil)
        #expect(disk.start == 20 * 2048)
        #expect((disk.sectorCount, disk.drive, disk.floppyType) == (sectors, drive, type))
    }

    @Test(
        "that is damaged or boots in another way is refused with the field",
        arguments: [
            (17 * 2048 + 0x47, [32, 0, 0, 0], "boot catalog of the CD should reach to byte 65600, there are 65536"),
            (17 * 2048 + 0x47, [255, 255, 255, 255], "truncated"), (19 * 2048, [2], "its first entry"),
            (19 * 2048 + 30, [0], "its first entry"),
            (19 * 2048 + 1, [0xef], "its platform is 0xef"), (19 * 2048 + 32, [0], "its boot indicator"),
            (19 * 2048 + 33, [5], "its boot medium is 0x5"),
            (19 * 2048 + 33, [2], "loads to segment 0x7c0 is 0x4"),
            (19 * 2048 + 33, [4, 0, 8, 0, 0, 1], "loads to segment 0x800 is 0x1"),
            (19 * 2048 + 33, [4, 0, 0, 0, 0, 1], "boot sector of the CD's disk: its signature is 0x0"),
            (19 * 2048 + 38, [0, 0], "number of sectors to load"),
            (19 * 2048 + 38, [0xff, 0xff], "boot code of the CD should reach"),
            (19 * 2048 + 40, [255, 255, 255, 255], "boot code of the CD should reach"),
            (19 * 2048 + 34, [1, 0], "its load segment is 0x1 where"),
            (19 * 2048 + 34, [0xc0, 0x9f], "the end of the boot code in memory is 0xa0400"),
        ] as [(Int, [UInt8], String)])
    func damaged(offset: Int, values: [UInt8], words: String) {
        let image = Self.cd { $0.replaceSubrange(offset..<offset + values.count, with: values) }
        let reason = failure { try Self.plan(image) }
        #expect(reason.contains(words), "\(reason)")
    }

    @Test("a catalog with a wrong checksum is refused")
    func checksum() {
        var bytes = Self.cd().bytes
        bytes[19 * 2048 + 28] &+= 1
        #expect(failure { try Self.plan(InMemoryImage(bytes)) }.contains("the sum of its first entry"))
    }

    @Test("any catalog gives a valid plan or an error")
    func hostile() throws {
        var state: UInt64 = 1
        func number(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for _ in 0..<2000 {
            let image = Self.cd { bytes in
                for _ in 0...number(3) {
                    let offset = number(4) == 0 ? 17 * 2048 + 0x47 + number(4) : 19 * 2048 + 30 + number(14)
                    bytes[offset] = UInt8(number(256))
                }
            }
            guard let plan = try? Self.plan(image) else { continue }
            #expect(
                LoadPlanInvariants.violations(
                    of: plan, kernelSize: image.size, memory: MemoryMap(belowFourGiB: 32 << 20)) == [])
        }
    }
}
