import PCI
import Testing

@Suite struct CapabilityTests {
    private func bytes(_ size: Int = 256, first: UInt8, _ places: [(at: Int, id: UInt8, next: UInt8)]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        bytes[ConfigRegister.status] = 0x10
        bytes[ConfigRegister.capabilitiesPointer] = first
        for place in places { (bytes[place.at], bytes[place.at + 1]) = (place.id, place.next) }
        return bytes
    }

    @Test(
        arguments: [
            (.e1000e, [0xC8: 0x01, 0xD0: 0x05, 0xE0: 0x10, 0xA0: 0x11]), (.e1000, [:]), (.edu, [0x40: 0x05]),
            (.nvme, [0x40: 0x11, 0x80: 0x10, 0x60: 0x01]),
            (.virtioNet, [0x98: 0x11, 0x84: 0x09, 0x70: 0x09, 0x60: 0x09, 0x50: 0x09, 0x40: 0x09]),
            (.xhci, [0x90: 0x11, 0xA0: 0x10]),
        ] as [(ConfigDump, [Int: UInt16])])
    func findsThoseOfRealFunctions(dump: ConfigDump, expected: [Int: UInt16]) {
        let found = Capability.list(dump.bytes)
        #expect(Dictionary(uniqueKeysWithValues: found.map { ($0.offset, $0.id) }) == expected)
    }

    @Test func findsExtendedOnesOfARealFunction() {
        let found = Capability.extendedList(ConfigDump.e1000e.bytes)
        #expect(found.map(\.id) == [1, 3])
        #expect(found.map(\.offset) == [0x100, 0x140])
        #expect(Capability.extendedList(ConfigDump.edu.bytes).isEmpty)
    }

    @Test func needsTheStatusBit() {
        var device = bytes(first: 0x40, [(0x40, 5, 0)])
        #expect(Capability.list(device).count == 1)
        device[ConfigRegister.status] = 0xEF
        #expect(Capability.list(device).isEmpty)
    }

    @Test func ignoresThePointersReservedBits() {
        #expect(Capability.list(bytes(first: 0x43, [(0x40, 5, 0x52), (0x50, 1, 1)])).map(\.offset) == [0x40, 0x50])
    }

    @Test(
        arguments: [
            (0x40, [(0x40, 5, 0x40)], 1), (0x40, [(0x40, 5, 0x50), (0x50, 1, 0x40)], 2),
            (0x40, [(0x40, 5, 0x50), (0x50, 1, 0x50)], 2),
            (0x3C, [(0x40, 5, 0)], 0), (0, [(0x40, 5, 0)], 0), (0x40, [(0x40, 5, 0x10)], 1),
            (0xFC, [(0xFC, 9, 0x40), (0x40, 5, 0)], 2),
        ] as [(UInt8, [(Int, UInt8, UInt8)], Int)])
    func endsAtLoopsAndPointersOutOfRange(first: UInt8, places: [(Int, UInt8, UInt8)], count: Int) {
        #expect(Capability.list(bytes(first: first, places.map { (at: $0.0, id: $0.1, next: $0.2) })).count == count)
    }

    @Test(arguments: [0, 1, 6, 52, 63, 64, 65, 128, 255])
    func standsAShortImage(size: Int) {
        var short = [UInt8](repeating: 0xFF, count: size)
        if size > 0x34 { short[0x34] = 0xFC }
        #expect(Capability.list(short).allSatisfy { $0.offset + 2 <= size })
        #expect(Capability.extendedList(short).isEmpty)
    }

    @Test func standsAFunctionThatIsGone() {
        let gone = [UInt8](repeating: 0xFF, count: 4096)
        #expect(Capability.list(gone).count == 1)
        #expect(Capability.extendedList(gone).isEmpty)
    }

    @Test(
        "an extended list ends at loops and pointers out of range",
        arguments: [
            ([(0x100, 0x1001_0001), (0x100 + 0, 0x1000_0001)], 1), ([(0x100, 0x2000_0001), (0x200, 0x1000_0003)], 2),
            ([(0x100, 0x2000_0001), (0x200, 0x2000_0003)], 2), ([(0x100, 0x0FC0_0001)], 1),
            ([(0x100, 0xFFF0_0001), (0xFFC, 0x0000_000B)], 2),
            ([(0x200, 0x0000_0001)], 0), ([(0x100, 0xFFFF_FFFF)], 0),
            ([(0x100, 0x2000_0001), (0x200, 0xFFFF_FFFF)], 1),
        ] as [([(Int, UInt32)], Int)])
    func brokenExtendedList(headers: [(Int, UInt32)], count: Int) {
        var device = [UInt8](repeating: 0, count: 4096)
        for (place, header) in headers {
            for index in 0..<4 { device[place + index] = UInt8(truncatingIfNeeded: header >> UInt32(8 * index)) }
        }
        #expect(Capability.extendedList(device).count == count)
    }
}
