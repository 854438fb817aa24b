import PCI
import Testing

@Suite struct ConfigAccessTests {
    @Test(
        arguments: [
            (0x8000_0000, 0, 0, 0, 0, 0), (0x8000_2004, 0, 0, 4, 0, 4), (0x8000_2004, 3, 0, 4, 0, 7),
            (0x80FF_FFFC, 3, 255, 31, 7, 255),
            (0x8001_0A10, 1, 1, 1, 2, 0x11), (0xFF00_2003, 0, 0, 4, 0, 3), (0x8000_2006, 0, 0, 4, 0, 6),
            (0x8000_2006, 2, 0, 4, 0, 6), (0x8000_2004, 5, 0, 4, 0, 5),
        ] as [(UInt32, Int, Int, Int, Int, Int)])
    func mechanismOne(latch: UInt32, lane: Int, bus: Int, device: Int, function: Int, offset: Int) throws {
        let access = try #require(ConfigAccess(latch: latch, lane: lane))
        #expect(access.bus == bus)
        #expect(access.device == device)
        #expect(access.function == function)
        #expect(access.offset == offset)
    }

    @Test(arguments: [0, 0x7FFF_FFFF, 0x0000_2004] as [UInt32])
    func mechanismOneNeedsItsEnableBit(latch: UInt32) {
        #expect(ConfigAccess(latch: latch, lane: 0) == nil)
    }

    @Test(
        arguments: [
            (0, 0, 0, 0, 0), (0x2_0004, 0, 4, 0, 4), (0x10_0000, 1, 0, 0, 0), (0xFFF_FFFF, 255, 31, 7, 4095),
            (0x2_1FFF, 0, 4, 1, 4095),
        ] as [(UInt64, Int, Int, Int, Int)])
    func enhancedMechanism(place: UInt64, bus: Int, device: Int, function: Int, offset: Int) {
        let access = ConfigAccess(ecamOffset: place)
        #expect(access.bus == bus)
        #expect(access.device == device)
        #expect(access.function == function)
        #expect(access.offset == offset)
    }

    @Test func bothMechanismsAgreeOnTheFirst256Bytes() throws {
        for bus in [0, 1, 255] {
            for device in 0..<32 {
                for function in 0..<8 {
                    for offset in [0, 1, 2, 3, 4, 0x7D, 0xFC, 0xFF] {
                        let latch = UInt32(0x8000_0000 | bus << 16 | device << 11 | function << 8 | offset & 0xFC)
                        let place = UInt64(bus << 20 | device << 15 | function << 12 | offset)
                        #expect(ConfigAccess(latch: latch, lane: offset & 3) == ConfigAccess(ecamOffset: place))
                    }
                }
            }
        }
    }
}
