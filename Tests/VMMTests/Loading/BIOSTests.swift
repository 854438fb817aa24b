import Boot
import TestSupport
import Testing
import VMM

/// The boot ROM's services, as guests/bios and guests/remains saw them.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct BIOSTests {
    /// The guest's lines: "GUEST: NAME FIELD=VALUE...", fields in order, since a name may come twice.
    private struct Account {
        var guest = "bios:"
        let outcome: Outcome
        let console: String

        func fields(_ name: String) -> [String] { all(name).first ?? [] }

        func all(_ name: String) -> [[String]] {
            console.split(whereSeparator: \.isNewline).map { $0.split(separator: " ").map(String.init) }
                .filter { $0.count > 1 && $0[0] == guest && $0[1] == name }.map { Array($0.dropFirst(2)) }
        }
    }

    private static func boot(_ image: String, memory: UInt64 = 32 << 20, typed: String = "\u{1B}") throws -> Account {
        let account = try MachineTests.run(TestKernel.built(image), memory: memory, input: typed)
        return Account(outcome: account.outcome, console: account.console)
    }

    @Test func aFloppyBootsAndFindsItsGeometry() throws {
        let account = try Self.boot("bios-floppy.img")
        #expect(account.outcome == .exitPort(0))
        #expect(account.fields("boot") == ["dl=0000", "cs=0000", "ip=7c00"])
        #expect(account.fields("equipment") == ["ax=0221"])
        #expect(account.fields("disk-geometry") == ["cf=0", "bx=0004", "cx=4f12", "dx=0101"])
        #expect(account.fields("disk-type") == ["cf=0", "ax=0100", "cx=0000", "dx=0000"])
        #expect(account.fields("disk-other") == ["cf=1", "ax=0101"])
        #expect(account.fields("disk-extensions") == ["cf=1", "bx=55aa", "cx=0000"])
    }

    @Test func aFixedDiskBootsAndHasExtensions() throws {
        let account = try Self.boot("bios-disk.img")
        #expect(account.outcome == .exitPort(0))
        #expect(account.fields("boot") == ["dl=0080", "cs=0000", "ip=7c00"])
        #expect(account.fields("data") == ["com1=03f8", "ebda=9fc0", "disks=0001"])
        #expect(account.fields("disk-geometry") == ["cf=0", "bx=0000", "cx=083f", "dx=0f01"])
        #expect(account.fields("disk-type") == ["cf=0", "ax=0300", "cx=0000", "dx=2000"])
        #expect(account.fields("disk-extensions") == ["cf=0", "bx=aa55", "cx=0005"])
        #expect(
            account.fields("disk-parameters") == [
                "cf=0", "cylinders=0009", "heads=0010", "sectors=003f", "total=2000", "bytes=0200",
            ])
        #expect(account.fields("disk-extended-read") == ["cf=0", "ax=0000", "first=0000"])
        #expect(account.fields("disk-extended-write") == ["cf=0", "first=a5a5"])
        #expect(account.fields("disk-extended-outside") == ["cf=1", "ax=0400", "count=0000"])
        #expect(account.fields("disk-no-memory") == ["cf=1", "ax=0900"])
    }

    @Test func aCDBootsAndReads() throws {
        var account = try Self.boot("cd.iso")
        account.guest = "cd:"
        #expect(account.outcome == .exitPort(0))
        #expect(account.fields("boot") == ["dl=00e0", "cs=0000", "ip=7c00"])
        #expect(
            account.fields("status") == [
                "cf=0", "ax=0001", "size=0013", "drive=00e0", "first=0013", "segment=07c0", "count=000c",
            ])
        #expect(account.fields("extensions") == ["cf=0", "bx=aa55"])
        #expect(account.fields("parameters") == ["cf=0", "sectors=0020", "bytes=0800"])
        #expect(account.fields("read") == ["cf=0", "ax=0001", "before=0000", "first=4444", "last=4444", "behind=0000"])
        #expect(account.fields("write") == ["cf=1", "ax=0301"])
        #expect(account.fields("outside") == ["cf=1", "ax=0401", "count=0000"])
        #expect(account.fields("far") == ["cf=1", "ax=0401"])
        #expect(account.fields("far-high") == ["cf=1", "ax=0401"])
        #expect(account.fields("tracks") == ["cf=1", "ax=0101"])
        #expect(account.fields("other") == ["cf=1"])
    }

    @Test(arguments: [("cd-floppy.iso", "dl=0000"), ("cd-disk.iso", "dl=0080")])
    func aFloppyOrDiskOnACDBoots(image: String, drive: String) throws {
        let account = try Self.boot(image)
        #expect(account.outcome == .exitPort(0))
        #expect(account.fields("boot") == [drive, "cs=0000", "ip=7c00"])
        let alone = try Self.boot(image.replacing("cd-", with: "bios-").replacing(".iso", with: ".img"))
        for name in ["disk-geometry", "disk-type", "disk-extensions", "disk-read", "disk-write", "disk-outside"] {
            #expect(
                account.fields(name) == alone.fields(name),
                "\(name): \(account.fields(name))")
            #expect(
                !account.fields(name).isEmpty,
                "\(name): \(account.fields(name))")
        }
    }

    @Test(arguments: ["bios-floppy.img", "bios-disk.img", "cd-floppy.iso", "cd-disk.iso"])
    func sectorsAreReadAndWrittenAndTheFileStays(image: String) throws {
        let path = try TestKernel.built(image)
        let before = try readFile(path)
        let account = try Self.boot(image)
        #expect(account.fields("disk-read") == ["cf=0", "ax=0001", "first=4343", "last=4343"])
        // Its neighbours keep what they had.
        #expect(
            account.fields("disk-write") == [
                "cf=0", "ax=0001", "cf=0", "before=0000", "first=5a5a", "last=5a5a", "behind=0000",
            ])
        #expect(account.fields("disk-verify") == ["cf=0", "ax=0001"])
        #expect(account.fields("disk-outside") == ["cf=1", "ax=0400", "status=0404"])
        #expect(account.fields("disk-no-sector") == ["cf=1", "ax=0400"])
        #expect(try readFile(path) == before)
    }

    /// A region of the memory map as a guest says it, in words of 16 bits.
    private static func region(_ start: UInt64, _ size: UInt64, type: UInt32) -> [String] {
        func words(_ name: String, _ value: UInt64) -> [String] {
            (0..<4).map {
                let digits = String(UInt16(truncatingIfNeeded: value >> UInt64(48 - 16 * $0)), radix: 16)
                return ($0 == 0 ? name : "") + "=" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return words("start", start) + words("size", size) + ["type=000\(type)"]
    }

    @Test func memoryIsToldAndMoved() throws {
        let account = try Self.boot("bios-floppy.img", memory: 128 << 20)
        #expect(account.fields("memory") == ["ax=027f"])
        #expect(account.fields("e801") == ["cf=0", "ax=3c00", "bx=0700", "cx=3c00", "dx=0700"])
        #expect(account.fields("extended") == ["cf=0", "ax=fc00"])
        #expect(account.fields("a20-on") == ["cf=0"])
        #expect(account.fields("a20") == ["cf=0", "ax=0001"])
        #expect(account.fields("no-such") == ["cf=1", "ax=8600"])
        let map = MemoryMap(
            belowFourGiB: 128 << 20,
            reserved: [
                .init(
                    start: PhysicalLayout.ecam.lowerBound, size: 1 << 28, kind: .reserved,
                    name: "the PCI configuration window")
            ])
        #expect(account.all("region") == map.regions.map { Self.region($0.start, $0.size, type: $0.kind.rawValue) })
        #expect(account.fields("move") == ["cf=0", "ax=003c", "cf=0", "first=3c3c", "last=3c3c"])
    }

    @Test func theClockTicks() throws {
        let clock = try Self.boot("bios-floppy.img").fields("clock")
        #expect(clock.count == 4)
        // The hook counts what INT 1Ah counts.
        let counts = clock.compactMap { Int($0.split(separator: "=").last ?? "", radix: 16) }
        try #require(counts.count == 4)
        #expect(counts[0] >= 3)
        #expect(counts[1] - counts[0] <= 1)
        #expect(counts[0] <= counts[1])
        #expect(counts[3] >= 3, "200 ms are more than three ticks of 55 ms")
    }

    @Test func thePCIBusIsFound() throws {
        let account = try Self.boot("bios-floppy.img")
        // CL is the last bus; CH is whatever it was.
        let found = account.fields("pci")
        try #require(found.count == 5, "\(found)")
        #expect(found[3].hasPrefix("cx="), "\(found)")
        #expect(found[3].hasSuffix("00"), "\(found)")
        #expect(found.filter { !$0.hasPrefix("cx=") } == ["cf=0", "ax=0001", "bx=0210", "dx=4350"])
        #expect(account.fields("pci-find") == ["cf=0", "ax=0002", "bx=0000"])
        #expect(account.fields("pci-class") == ["cf=0", "bx=0000"])
        #expect(account.fields("pci-read") == ["byte=0080", "word=29c0", "cf=0", "low=8086", "high=29c0"])
        #expect(account.fields("pci-write") == ["cf=0", "command=0106"])
        #expect(account.fields("pci-none") == ["cf=1", "ax=8602", "cf=1", "odd=8709"])
    }

    @Test func whatIsTypedAreKeys() throws {
        let account = try Self.boot("bios-floppy.img", typed: "aZ\n1\u{7F}\u{1B}[A\u{1B}[5~\u{1B}OP\u{1}\u{1B}")
        // The first was pushed by the guest itself.
        let keys = ["1e61", "1e61", "2c5a", "1c0d", "0231", "0e08", "4800", "4900", "3b00", "1e01", "011b"]
        #expect(account.all("key") == keys.map { ["peek=\($0)", "ax=\($0)"] })
        // No shift key is held, nor Ctrl or Alt: ISOLINUX asks, and would stop at its prompt.
        #expect(account.fields("flags") == ["al=0000", "more=0000", "pushed=0000"])
        #expect(account.fields("serial") == ["!", "state=60b0"])
        #expect(account.outcome == .exitPort(0))
    }

    @Test func theScreenIsShownOnTheConsole() throws {
        let account = try Self.boot("bios-floppy.img")
        #expect(account.fields("mode") == ["ax=5003", "shape=0607"])
        #expect(account.fields("cursor") == ["dx=0510"])
        #expect(account.console.contains("\r\nbios: string written by 13h xxx"))
    }

    /// A boot sector made for floppies reads its second sector from drive 0, and finds zeros behind the end of a file
    /// of three sectors and a half.
    @Test func aSmallImageIsAFloppy() throws {
        let code: [UInt8] = [
            0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xC0,  // ds and es 0
            0xB8, 0x11, 0x02, 0xB9, 0x02, 0x00, 0x31, 0xD2, 0xBB, 0x00, 0x80, 0xCD, 0x13,
            0xB0, 0x01, 0x72, 0x13,  // 1: it can't be read
            0x81, 0x3E, 0x00, 0x80, 0x34, 0x12, 0x75, 0x0B,  // 1: the second is not what it was
            0xA1, 0x00, 0xA0, 0x0B, 0x06, 0x00, 0x85, 0x75, 0x02,  // 1: what lies behind the file's end is not zero
            0xB0, 0x00,
            0xE6, 0xF4, 0xF4,
        ]
        let image =
            code + [UInt8](repeating: 0, count: 510 - code.count) + [0x55, 0xAA, 0x34, 0x12]
            + [UInt8](repeating: 0x77, count: 1278)
        let directory = try TemporaryDirectory()
        let account = try MachineTests.run(directory.file("small.img", image), memory: 2 << 20)
        #expect(account.outcome == .exitPort(0))
    }

    /// Kernels that no firmware started find what a BIOS leaves, and may go back to real mode and call it.
    @Test(
        arguments: [("remains.elf", .multiboot), ("remains.elf", .pvh), ("remains16.bin", .flat)]
            as [(String, KernelFormat)])
    func everyKernelFindsABIOS(kernel: String, format: KernelFormat) throws {
        let run = try MachineTests.run(TestKernel.built(kernel), memory: 128 << 20, format: format)
        let account = Account(guest: "remains:", outcome: run.outcome, console: run.console)
        #expect(account.fields("pic") == ["masks=b88f"])
        #expect(account.fields("data") == ["com1=03f8", "ebda=9fc0", "base=027f", "size=0001"])
        #expect(account.fields("equipment") == ["ax=0220"])
        #expect(account.fields("memory") == ["ax=027f"])
        #expect(account.fields("e801") == ["cf=0", "ax=3c00", "bx=0700", "cx=3c00", "dx=0700"])
        #expect(account.fields("extended") == ["cf=0", "ax=fc00"])
        // The map agrees with the data area: reserved from the extended data area to 1 MiB.
        #expect(
            account.all("region").prefix(3) == [
                Self.region(0, 0x9_FC00, type: 1), Self.region(0x9_FC00, 0x6_0400, type: 2),
                Self.region(0x10_0000, 0x7F0_0000, type: 1),
            ])
        #expect(account.fields("disk") == ["cf=1"])
        #expect(account.fields("ticks") == ["ax=0002"])
        #expect(account.outcome == .exitPort(0))
    }

    @Test(arguments: [.multiboot, .pvh] as [KernelFormat])
    func theResetVectorResets(format: KernelFormat) throws {
        let account = try MachineTests.run(TestKernel.built("remains.elf"), append: "end=reset", format: format)
        #expect(account.outcome == .reset("jump to the reset vector, f000:fff0"))
    }

    /// Code for a boot sector, as bytes.
    private static func sector(_ code: [UInt8]) throws -> (directory: TemporaryDirectory, path: String) {
        let directory = try TemporaryDirectory()
        let padding = [UInt8](repeating: 0, count: 510 - code.count)
        return (directory, try directory.file("disk.img", code + padding + [0x55, 0xAA]))
    }

    @Test(
        arguments: [
            // int 0x18
            ([0xCD, 0x18], "ROM: the boot code gave up"),
            // xor cx, cx; div cx, at 0000:7c02
            ([0x31, 0xC9, 0xF7, 0xF1], "ROM: divide error at 0000:7c02"),
            // ud2
            ([0x0F, 0x0B], "ROM: invalid opcode at 0000:7c00"),
        ] as [([UInt8], String)])
    func bootCodeThatGivesUpFails(code: [UInt8], words: String) throws {
        let (directory, path) = try Self.sector(code)
        let account = try MachineTests.run(path, memory: 2 << 20)
        #expect(account.outcome == .exitPort(1))
        #expect(account.console.contains(words))
        withExtendedLifetime(directory) {}
    }
}
