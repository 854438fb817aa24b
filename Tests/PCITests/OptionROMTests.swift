import Testing

@testable import PCI

@Suite struct OptionROMTests {
    @Test(arguments: [(2, 2048), (2048, 2048), (2049, 4096), (75264, 131072), (16 << 20, 16 << 20)])
    func isPaddedToASizeThatARegisterHas(count: Int, size: Int) throws {
        var bytes = [UInt8](repeating: 0x11, count: count)
        (bytes[0], bytes[1]) = (0x55, 0xAA)
        let rom = try OptionROM(bytes)
        #expect(rom.bytes.count == size)
        #expect(Array(rom.bytes.prefix(count)) == bytes)
        #expect(rom.bytes.dropFirst(count).allSatisfy { $0 == 0xFF })
        #expect(rom.bar.size == UInt64(size))
        #expect(rom.bar.offset == 0x30)
    }

    @Test(
        arguments: [
            ([], .empty), ([0x55], .empty), ([0xFF, 0xFF], .noSignature(0xFFFF)), ([0xAA, 0x55], .noSignature(0x55AA)),
        ] as [([UInt8], OptionROM.Fault)])
    func whatIsNoROMIsRefused(bytes: [UInt8], fault: OptionROM.Fault) {
        #expect(throws: fault) { try OptionROM(bytes) }
    }

    /// Not an argument: those are printed, which takes seconds for 16 MiB.
    @Test func whatIsTooLargeIsRefused() {
        let size = 16 << 20 + 1
        #expect(throws: OptionROM.Fault.tooLarge(bytes: UInt64(size))) {
            try OptionROM([UInt8](repeating: 0x55, count: size))
        }
    }

    @Test("the ROM's register can be sized and is decoded only when enabled")
    func romRegister() {
        var space = ConfigSpace()
        let bar = BAR(romSize: 0x20000)
        space.setMasks(ConfigRegister.command, width: 2, writable: 2)
        bar.install(in: &space)
        #expect(space.read(0x30, width: 4) == 0)
        space.write(0x30, 0xFFFF_F800, width: 4)
        #expect(space.read(0x30, width: 4) == 0xFFFE_0000)
        bar.assign(0xC002_0000, in: &space)
        #expect(bar.address(in: space) == 0xC002_0000)
        #expect(space.read(0x30, width: 4) == 0xC002_0000)
        space.write(0x04, 2, width: 2)
        #expect(!bar.isDecoded(in: space))
        space.write(0x30, 0xC002_0001, width: 4)
        #expect(bar.isDecoded(in: space))
        #expect(bar.address(in: space) == 0xC002_0000)
        space.write(0x04, 0, width: 2)
        #expect(!bar.isDecoded(in: space))
        #expect(BAR(index: 0, kind: .rom, size: 2048) == nil)
    }

    @Test func eachFaultIsASentence() {
        let sentences: [(OptionROM.Fault, String)] = [
            (.empty, "its expansion ROM is empty"),
            (
                .tooLarge(bytes: 1 << 30),
                "its expansion ROM has 1073741824 bytes, more than the 16777216 that are read"
            ),
            (
                .noSignature(0xFFFF),
                """
                its expansion ROM begins with 0xffff where 0xaa55 is expected: the ROM is empty, or the device \
                doesn't show it
                """
            ),
        ]
        for (fault, sentence) in sentences { #expect("\(fault)" == sentence) }
    }
}
