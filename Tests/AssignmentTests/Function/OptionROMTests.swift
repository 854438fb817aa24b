import LinuxSystem
import PCI
import Testing

@testable import Assignment

/// The expansion ROM that a guest finds, and how it is read from the device.
@Suite struct AssignedOptionROMTests {
    private static var rom: [UInt8] { [0x55, 0xAA] + (2..<5000).map { UInt8($0 % 253) } }

    @Test func theGuestSizesEnablesAndReadsACopy() throws {
        let fixture = try AssignedFixture(rom: Self.rom)
        let given = fixture.read(0x30, width: 4)
        #expect(given != 0)
        #expect(given & 0x1FFF == 0)
        #expect(fixture.write(0x30, 0xFFFF_F800, width: 4) == [])
        #expect(fixture.read(0x30, width: 4) == 0xFFFF_E000)
        #expect(fixture.write(0x30, given | 1, width: 4) == [], "memory is off")
        // BAR 0's two pages of memory, and the ROM, come with memory space.
        let events = fixture.write(0x04, 2, width: 2)
        #expect(events.contains(.mapped(UInt64(given))))
        #expect(fixture.write(0x30, given, width: 4) == [.unmapped])
        for (offset, width) in [(0, 2), (4, 4), (4999, 1), (4998, 4), (8190, 4), (8, 8)] as [(UInt64, Int)] {
            let expected = (0..<width).reduce(UInt64(0)) { value, index in
                let place = Int(offset) + index
                return value | UInt64(place < Self.rom.count ? Self.rom[place] : 0xFF) << UInt64(8 * index)
            }
            #expect(fixture.function.readBAR(BAR.romIndex, offset: offset, width: width) == expected)
        }
        fixture.function.writeBAR(BAR.romIndex, offset: 0, 0, width: 4)
        #expect(fixture.function.readBAR(BAR.romIndex, offset: 0, width: 2) == 0xAA55)
        #expect(fixture.function.readBAR(BAR.romIndex, offset: .max, width: 8) == .max)
    }

    @Test func withoutOneTheRegisterIsZero() throws {
        let fixture = try AssignedFixture()
        fixture.write(0x30, 0xFFFF_FFFF, width: 4)
        #expect(fixture.read(0x30, width: 4) == 0)
        #expect(fixture.function.readBAR(BAR.romIndex, offset: 0, width: 2) == .max)
    }

    @Test func aROMWithoutASignatureIsRefused() throws {
        #expect(throws: AssignmentError.self) { try AssignedFixture(rom: [0xFF, 0xFF, 0, 0]) }
    }

    @Test func itIsReadInPiecesToItsEnd() throws {
        var asked: [UInt64] = []
        let bytes = try OptionROMReader.read("dev", size: 10000, now: { 0 }) { offset, count throws(SystemCallError) in
            asked.append(offset)
            #expect(count <= OptionROMReader.pieceSize)
            #expect(offset + UInt64(count) <= 10000)
            return [UInt8](repeating: UInt8(offset / 4096), count: count)
        }
        try #require(bytes.count == 10000)
        #expect(bytes[0] == 0)
        #expect(bytes[9999] == 2)
        #expect(asked == [0, 4096, 8192])
        let short = try OptionROMReader.read("dev", size: 10000, now: { 0 }) { offset, _ throws(SystemCallError) in
            offset == 0 ? [1, 2, 3] : []
        }
        #expect(short == [1, 2, 3])
    }

    @Test func oneThatIsTooLargeTooSlowOrFailsIsRefused() throws {
        var calls = 0
        func words(_ size: UInt64, step: UInt64, fails: Bool = false) -> String {
            var time: UInt64 = 0
            do throws(AssignmentError) {
                _ = try OptionROMReader.read(
                    "dev", size: size,
                    now: {
                        time += step
                        return time
                    },
                    piece: { _, count throws(SystemCallError) in
                        calls += 1
                        if fails { throw SystemCallError(call: "pread", object: "rom", errno: .ioError) }
                        return [UInt8](repeating: 0, count: count)
                    })
                return "was read"
            } catch {
                return "\(error)"
            }
        }
        #expect(words(16 << 20 + 1, step: 0).contains("more than the 16777216"))
        #expect(calls == 0)
        #expect(words(.max, step: 0).contains("more than"))
        #expect(calls == 0)
        #expect(words(1 << 20, step: 3_000_000_000).contains("of 1048576 bytes in 10 s"))
        #expect(calls == 3)
        #expect(words(4096, step: 0, fails: true).contains("pread"))
    }
}
