import PCI
import TestSupport
import Testing

@Suite struct BARTests {
    /// Write ones, read back, as PCI Local Bus 3.0, section 6.2.5.1 has guests size a BAR.
    private func sized(_ bar: BAR, in space: inout ConfigSpace) -> UInt64 {
        let flags = UInt64(bar.isIO ? 3 : 15)
        space.write(bar.offset, 0xFFFF_FFFF, width: 4)
        let low = UInt64(space.read(bar.offset, width: 4))
        guard bar.kind == .memory64 else { return (~(low & ~flags) & 0xFFFF_FFFF) + 1 }
        space.write(bar.offset + 4, 0xFFFF_FFFF, width: 4)
        return ~(UInt64(space.read(bar.offset + 4, width: 4)) << 32 | low & ~flags) &+ 1
    }

    @Test(arguments: 0...5, [BAR.Kind.io, .memory32, .memory64])
    func sizesAsItIs(index: Int, kind: BAR.Kind) throws {
        let sizes: ClosedRange<UInt64> = kind == .io ? 2...16 : kind == .memory32 ? 4...31 : 4...51
        for exponent in sizes where kind != .memory64 || index < 5 {
            let bar = try #require(BAR(index: index, kind: kind, size: 1 << exponent))
            var space = ConfigSpace()
            bar.install(in: &space)
            #expect(sized(bar, in: &space) == 1 << exponent)
            // The neighbours stay as they were: nothing, and all fixed.
            for offset in stride(from: 0, to: 0x40, by: 4) {
                let own = offset == bar.offset || kind == .memory64 && offset == bar.offset + 4
                space.write(offset, 0xFFFF_FFFF, width: 4)
                if !own { #expect(space.read(offset, width: 4) == 0) }
            }
        }
    }

    @Test(
        arguments: [
            (BAR.Kind.io, false, 1), (.io, true, 1), (.memory32, false, 0), (.memory32, true, 8), (.memory64, false, 4),
            (.memory64, true, 12),
        ] as [(BAR.Kind, Bool, UInt32)])
    func showsItsTypeInBitsThatStay(kind: BAR.Kind, prefetchable: Bool, bits: UInt32) throws {
        let bar = try #require(BAR(index: 2, kind: kind, size: 4096, prefetchable: prefetchable))
        var space = ConfigSpace()
        bar.install(in: &space)
        for value: UInt32 in [0xFFFF_FFFF, 0, 0x5A5A_5A5A] {
            space.write(bar.offset, value, width: 4)
            #expect(space.read(bar.offset, width: 4) & 15 == bits)
        }
    }

    @Test func keepsAnAddressBytewiseWritten() throws {
        let bar = try #require(BAR(index: 0, kind: .memory64, size: 1 << 16))
        var space = ConfigSpace()
        bar.install(in: &space)
        for (index, byte) in [0xFF, 0xFF, 0x34, 0x12, 0x08, 0x00, 0x00, 0x00].enumerated() {
            space.write(bar.offset + index, UInt32(byte), width: 1)
        }
        #expect(bar.address(in: space) == 0x8_1234_0000)
        bar.assign(0xFE00_0000, in: &space)
        #expect(bar.address(in: space) == 0xFE00_0000)
    }

    @Test func goesToNoHardware() throws {
        for kind in [BAR.Kind.io, .memory32, .memory64] {
            let bar = try #require(BAR(index: 1, kind: kind, size: 4096))
            var space = ConfigSpace()
            space.setMasks(bar.offset, width: 4, live: .max, forwarded: .max)
            space.setMasks(
                bar.offset + 4, width: 4, live: kind == .memory64 ? .max : 0, forwarded: kind == .memory64 ? .max : 0)
            bar.install(in: &space)
            for offset in [bar.offset, bar.offset + 4] {
                #expect(space.hardwareReadMask(offset, width: 4) == 0)
                #expect(space.hardwareWriteMask(offset, width: 4) == 0)
            }
        }
    }

    @Test func decodesByItsOwnCommandBit() throws {
        let io = try #require(BAR(index: 0, kind: .io, size: 32))
        let memory = try #require(BAR(index: 1, kind: .memory32, size: 4096))
        var space = ConfigSpace()
        #expect(!io.isDecoded(in: space))
        #expect(!memory.isDecoded(in: space))
        space.command = .ioSpace
        #expect(io.isDecoded(in: space))
        #expect(!memory.isDecoded(in: space))
        space.command = [.memorySpace, .busMaster]
        #expect(!io.isDecoded(in: space))
        #expect(memory.isDecoded(in: space))
    }

    @Test(
        arguments: [
            (-1, .memory32, 4096), (6, .memory32, 4096), (5, .memory64, 4096), (0, .memory32, 0), (0, .memory32, 8),
            (0, .memory32, 24),
            (0, .io, 2), (0, .io, 1 << 17), (0, .memory32, 1 << 32), (0, .memory64, 1 << 52), (0, .memory64, 1 << 63),
            (0, .memory64, .max),
        ] as [(Int, BAR.Kind, UInt64)])
    func refusesWhatNoRegisterCanSay(index: Int, kind: BAR.Kind, size: UInt64) {
        #expect(BAR(index: index, kind: kind, size: size) == nil)
    }
}

@Suite struct BARWindowTests {
    @Test func givesAlignedAddressesThatNeverOverlap() {
        var random = SplitMix(seed: 7)
        for _ in 0..<200 {
            let start = UInt64(random.below(1 << 20))
            let range = start..<start + UInt64(random.below(1 << 22))
            var window = BARWindow(range)
            var given: [Range<UInt64>] = []
            for _ in 0..<40 {
                let size = UInt64(1) << UInt64(random.below(22))
                guard let address = window.allocate(size) else { continue }
                #expect(address % size == 0)
                #expect(address >= range.lowerBound)
                #expect(address + size <= range.upperBound)
                #expect(!given.contains { $0.overlaps(address..<address + size) })
                given.append(address..<address + size)
            }
        }
    }

    @Test func givesAllThereIs() {
        var window = BARWindow(0x1000..<0x4000)
        #expect(window.allocate(0x1000) == 0x1000)
        #expect(window.allocate(0x2000) == 0x2000)
        #expect(window.allocate(1) == nil)
    }

    @Test func onlySkipsWhatAlignmentCosts() {
        var window = BARWindow(0x1000..<0x9000)
        #expect(window.allocate(16) == 0x1000)
        #expect(window.allocate(0x4000) == 0x4000)
        // What does not fit takes nothing.
        #expect(window.allocate(0x8000) == nil)
        #expect(window.allocate(0x1000) == 0x8000)
    }

    @Test(arguments: [0, 3, 4095, .max] as [UInt64])
    func refusesWhatIsNoPowerOfTwo(size: UInt64) {
        var window = BARWindow(0..<1 << 32)
        #expect(window.allocate(size) == nil)
    }

    @Test func standsTheEndOfTheAddressSpace() {
        var window = BARWindow(UInt64.max - 0x1FFF..<UInt64.max)
        #expect(window.allocate(0x1000) == UInt64.max - 0x1FFF)
        #expect(window.allocate(0x1000) == nil)
        #expect(window.allocate(1 << 63) == nil)
        var empty = BARWindow(0x1000..<0x1000)
        #expect(empty.allocate(1) == nil)
    }
}
