import PCI
import TestSupport
import Testing

@Suite struct ConfigSpaceTests {
    @Test(arguments: [(256, 256), (4096, 4096), (0, 256), (64, 256), (5000, 256), (-1, 256)])
    func hasOneOfTwoSizes(asked: Int, size: Int) {
        #expect(ConfigSpace(size: asked).size == size)
    }

    @Test func isAllZeroAndAllFixedAtFirst() {
        var space = ConfigSpace(size: 4096)
        for offset in stride(from: 0, to: 4096, by: 4) {
            space.write(offset, 0xFFFF_FFFF, width: 4)
            #expect(space.read(offset, width: 4) == 0)
            #expect(space.hardwareReadMask(offset, width: 4) == 0)
            #expect(space.hardwareWriteMask(offset, width: 4) == 0)
        }
    }

    @Test func fixedBitsKeepTheViewsValue() {
        var space = ConfigSpace()
        space.set(0x40, 0x1234_5678, width: 4)
        space.write(0x40, 0xFFFF_FFFF, width: 4)
        #expect(space.read(0x40, width: 4) == 0x1234_5678)
    }

    @Test("virtual bits take the guest's value, and their neighbours do not")
    func virtualBits() {
        var space = ConfigSpace()
        space.set(0x40, 0x1234_5678, width: 4)
        space.setMasks(0x40, width: 4, writable: 0x00FF_0F00)
        space.write(0x40, 0xFFFF_FFFF, width: 4)
        #expect(space.read(0x40, width: 4) == 0x12FF_5F78)
        space.write(0x40, 0, width: 4)
        #expect(space.read(0x40, width: 4) == 0x1200_5078)
    }

    @Test func everyOwnerIsKeptApart() {
        var space = ConfigSpace()
        space.setMasks(0x40, width: 4, writable: 0x0000_00FF, live: 0x0000_FF00, forwarded: 0x00FF_0000)
        #expect(space.hardwareReadMask(0x40, width: 4) == 0x0000_FF00)
        #expect(space.hardwareWriteMask(0x40, width: 4) == 0x00FF_0000)
        space.write(0x40, 0xFFFF_FFFF, width: 4)
        #expect(space.read(0x40, width: 4) == 0x0000_00FF)
    }

    @Test func nilLeavesAnOwnerAsItIs() {
        var space = ConfigSpace()
        space.setMasks(0x40, width: 4, writable: 0x11, live: 0x22, forwarded: 0x44)
        space.setMasks(0x40, width: 4, live: 0x66)
        space.write(0x40, 0xFFFF_FFFF, width: 4)
        #expect(space.read(0x40, width: 4) == 0x11)
        #expect(space.hardwareReadMask(0x40, width: 4) == 0x66)
        #expect(space.hardwareWriteMask(0x40, width: 4) == 0x44)
    }

    /// Byte by byte against a plain array, for every width at every place, the places around both ends included.
    @Test(arguments: [256, 4096])
    func everyWidthAtEveryOffsetMeansTheSameBytes(size: Int) {
        var random = SplitMix(seed: UInt64(size))
        var space = ConfigSpace(size: size)
        var view = [UInt8](repeating: 0, count: size)
        var writable = view
        var live = view
        var forwarded = view
        for offset in 0..<size {
            (writable[offset], live[offset], forwarded[offset]) = (random.byte(), random.byte(), random.byte())
            view[offset] = random.byte()
            space.set(offset, UInt32(view[offset]), width: 1)
            space.setMasks(
                offset, width: 1, writable: UInt32(writable[offset]), live: UInt32(live[offset]),
                forwarded: UInt32(forwarded[offset]))
        }
        func expected(_ bytes: [UInt8], _ offset: Int, _ width: Int, beyond: UInt8) -> UInt32 {
            (0..<width).reduce(0) { value, index in
                let byte = bytes.indices.contains(offset + index) ? bytes[offset + index] : beyond
                return value | UInt32(byte) << UInt32(8 * index)
            }
        }
        for offset in -8..<size + 8 {
            for width in 1...4 {
                let value = UInt32(truncatingIfNeeded: random.next())
                space.write(offset, value, width: width)
                for index in 0..<width where view.indices.contains(offset + index) {
                    let (place, byte) = (offset + index, UInt8(truncatingIfNeeded: value >> UInt32(8 * index)))
                    view[place] = view[place] & ~writable[place] | byte & writable[place]
                }
                let isRight =
                    space.read(offset, width: width) == expected(view, offset, width, beyond: 0xFF)
                    && space.hardwareReadMask(offset, width: width) == expected(live, offset, width, beyond: 0)
                    && space.hardwareWriteMask(offset, width: width) == expected(forwarded, offset, width, beyond: 0)
                if !isRight { Issue.record("offset \(offset), width \(width)") }
            }
        }
        #expect((0..<size).allSatisfy { space.read($0, width: 1) == UInt32(view[$0]) })
    }

    @Test(
        "accesses outside read all ones and write nothing",
        arguments: [-1, -4, -4096, 256, 257, 4096, 1 << 20, Int(Int32.max)])
    func outOfRange(offset: Int) {
        var space = ConfigSpace()
        space.set(offset, 0, width: 1)
        space.setMasks(offset, width: 1, writable: 0xFF, live: 0xFF, forwarded: 0xFF)
        space.write(offset, 0, width: 1)
        #expect(space.read(offset, width: 1) == 0xFF)
        #expect(space.hardwareReadMask(offset, width: 1) == 0)
        #expect(space.hardwareWriteMask(offset, width: 1) == 0)
    }

    @Test func commandIsTheRegisterAtFour() {
        var space = ConfigSpace()
        space.command = [.memorySpace, .intxDisable]
        #expect(space.read(4, width: 2) == 0x0402)
        #expect(space.read(4, width: 4) == 0x0402)
        space.setMasks(4, width: 2, writable: 0x0400)
        space.write(5, 0, width: 1)
        #expect(space.command == [.memorySpace])
    }

    @Test(
        arguments: [
            (4, 2, true), (3, 1, false), (3, 2, true), (6, 4, false), (5, 1, true), (0, 4, false), (0, 8, true),
            (2, 4, true), (-4, 8, false),
            (-4, 9, true),
        ] as [(Int, Int, Bool)])
    func touchesIsByBytes(offset: Int, width: Int, answer: Bool) {
        #expect(ConfigSpace.touches(offset, width, 4..<6) == answer)
    }
}
