import PCI
import TestSupport
import Testing

@Suite struct MSIXCapabilityTests {
    private func hardware(control: UInt16, table: UInt32, pending: UInt32, at offset: Int = 0x70) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 256)
        (bytes[6], bytes[0x34], bytes[offset]) = (0x10, UInt8(offset), 0x11)
        (bytes[offset + 2], bytes[offset + 3]) = (UInt8(control & 0xFF), UInt8(control >> 8))
        for index in 0..<4 {
            bytes[offset + 4 + index] = UInt8(truncatingIfNeeded: table >> UInt32(8 * index))
            bytes[offset + 8 + index] = UInt8(truncatingIfNeeded: pending >> UInt32(8 * index))
        }
        return bytes
    }

    @Test(
        arguments: [
            (.e1000e, 0xA0, 5, 3, 0..<0x50, 3, 0x2000..<0x2008),
            (.nvme, 0x40, 65, 0, 0x2000..<0x2410, 0, 0x3000..<0x3010),
            (.virtioNet, 0x98, 4, 1, 0..<0x40, 1, 0x800..<0x808),
            (.xhci, 0x90, 16, 0, 0x3000..<0x3100, 0, 0x3800..<0x3808),
        ] as [(ConfigDump, Int, Int, Int, Range<UInt64>, Int, Range<UInt64>)])
    func readsThoseOfRealFunctions(
        dump: ConfigDump, offset: Int, count: Int, tableBAR: Int, table: Range<UInt64>, pendingBAR: Int,
        pending: Range<UInt64>
    ) throws {
        let msix = try #require(dump.layout().msix)
        #expect(msix.offset == offset)
        #expect(msix.vectorCount == count)
        #expect(msix.tableBAR == tableBAR)
        #expect(msix.tableRange == table)
        #expect(msix.pendingBAR == pendingBAR)
        #expect(msix.pendingRange == pending)
    }

    @Test("it starts disabled and unmasked, whatever the device has")
    func initiallyDisabled() throws {
        let layout = PassthroughLayout(
            hardware: hardware(control: 0xC7FF, table: 0x1002, pending: 0x9003), bars: [], hasINTx: false)
        let msix = try #require(layout.msix)
        #expect(msix.vectorCount == 2048)
        #expect(!msix.isEnabled(in: layout.space))
        #expect(!msix.isFunctionMasked(in: layout.space))
        #expect(layout.space.read(0x72, width: 2) == 0x07FF)
        #expect(layout.space.read(0x74, width: 4) == 0x1002)
        #expect(layout.space.read(0x78, width: 4) == 0x9003)
    }

    @Test func theGuestOwnsEnableAndFunctionMaskAlone() throws {
        let layout = PassthroughLayout(
            hardware: hardware(control: 0x0004, table: 0x1002, pending: 0x9003), bars: [], hasINTx: false)
        let msix = try #require(layout.msix)
        var space = layout.space
        for place in 0x70..<0x7C { space.write(place, 0xFF, width: 1) }
        #expect(space.read(0x72, width: 2) == 0xC004)
        #expect(msix.isEnabled(in: space))
        #expect(msix.isFunctionMasked(in: space))
        #expect(space.read(0x74, width: 4) == 0x1002)
        #expect(space.read(0x78, width: 4) == 0x9003)
        space.write(0x73, 0x80, width: 1)
        #expect(msix.isEnabled(in: space))
        #expect(!msix.isFunctionMasked(in: space))
        for place in 0x70..<0x7C {
            #expect(space.hardwareWriteMask(place, width: 1) == 0)
            #expect(space.hardwareReadMask(place, width: 1) == 0)
        }
    }

    @Test(arguments: [(6, 0), (7, 0), (0, 6), (0, 7)] as [(UInt32, UInt32)])
    func staysHiddenWhereItNamesABARThatCantBe(table: UInt32, pending: UInt32) {
        let layout = PassthroughLayout(
            hardware: hardware(control: 4, table: table, pending: pending), bars: [], hasINTx: false)
        #expect(layout.msix == nil)
        #expect(layout.space.read(0x34, width: 1) == 0)
        #expect(layout.space.read(0x70, width: 4) == 0)
    }

    @Test func onlyFitsWhereAllOfItFits() {
        #expect(MSIXCapability(hardware(control: 4, table: 0, pending: 0, at: 0xF4), at: 0xF4) != nil)
        #expect(MSIXCapability([UInt8](repeating: 0, count: 256), at: 0xF8) == nil)
        #expect(MSIXCapability([UInt8](repeating: 0, count: 0x7B), at: 0x70) == nil)
    }

    @Test("the largest table at the largest offset still has a range")
    func largestTable() throws {
        let msix = try #require(
            MSIXCapability(hardware(control: 0x7FF, table: 0xFFFF_FFF8, pending: 0xFFFF_FFFD), at: 0x70))
        #expect(msix.tableRange == 0xFFFF_FFF8..<0xFFFF_FFF8 + 2048 * 16)
        #expect(msix.pendingRange == 0xFFFF_FFF8..<0xFFFF_FFF8 + 256)
    }
}

@Suite struct MSIXTableTests {
    @Test func startsMaskedAndZero() {
        let table = MSIXTable(count: 3)
        #expect(table.count == 3)
        for vector in 0..<3 {
            #expect(table.isMasked(vector))
            #expect(table.message(vector) == MSIMessage(address: 0, data: 0))
            #expect(table.read(UInt64(vector * 16 + 12), width: 4) == 1)
        }
    }

    @Test func keepsAMessageHoweverItIsWritten() {
        for width in [1, 2, 4, 8] {
            var table = MSIXTable(count: 4)
            let entry: [UInt64] = [0x0000_0034_FEE0_1004, 0x0000_0000_0000_4041]
            for start in stride(from: 0, to: 16, by: width) {
                let value = entry[start / 8] >> UInt64(8 * (start % 8))
                #expect(table.write(UInt64(2 * 16 + start), value, width: width) == 2)
            }
            #expect(table.message(2) == MSIMessage(address: 0x34_FEE0_1004, data: 0x4041), "width \(width)")
            #expect(!table.isMasked(2))
            for vector in [0, 1, 3] {
                #expect(table.isMasked(vector))
                #expect(table.message(vector) == MSIMessage(address: 0, data: 0))
            }
        }
    }

    @Test func keepsOnlyTheMaskBitOfVectorControl() {
        var table = MSIXTable(count: 2)
        table.write(12, 0xFFFF_FFFF, width: 4)
        #expect(table.read(12, width: 4) == 1)
        table.write(12, 0xFFFF_FFFE, width: 4)
        #expect(table.read(12, width: 4) == 0)
        table.write(13, 0xFF, width: 1)
        #expect(table.read(12, width: 4) == 0)
        table.write(8, 0xFFFF_FFFF_1234_5678, width: 8)
        #expect(table.read(8, width: 8) == 0x0000_0001_1234_5678)
    }

    @Test func aMessagesAddressIsWholeWords() {
        var table = MSIXTable(count: 1)
        table.write(0, 0xFEE0_0003, width: 4)
        #expect(table.message(0).address == 0xFEE0_0000)
    }

    @Test(arguments: [32, 33, 1 << 20, UInt64(UInt32.max), .max - 7, .max])
    func whatLiesOutsideReadsZeroAndTakesNothing(offset: UInt64) {
        var table = MSIXTable(count: 2)
        for width in [1, 2, 4, 8] {
            #expect(table.read(offset, width: width) == 0)
            #expect(table.write(offset, .max, width: width) == nil)
        }
        #expect(table.read(0, width: 8) == 0)
        #expect(table.read(8, width: 8) == 0x1_0000_0000)
        #expect(table.read(16, width: 8) == 0)
        #expect(table.read(24, width: 8) == 0x1_0000_0000)
    }

    @Test func anAccessOverTheEndIsCut() {
        var table = MSIXTable(count: 1)
        #expect(table.write(12, 0xAAAA_AAAA_FFFF_FFFE, width: 8) == 0)
        #expect(!table.isMasked(0))
        #expect(table.read(12, width: 8) == 0)
        table.write(10, 0xFFFF_FFFF_FFFF, width: 8)
        #expect(table.read(8, width: 8) == 0x0000_0001_FFFF_0000)
    }

    /// Against an array of bytes, with every width at every offset and over both ends.
    @Test func anyAccessMeansTheSameBytes() {
        var random = SplitMix(seed: 11)
        var table = MSIXTable(count: 5)
        var bytes = [UInt8](repeating: 0, count: 80)
        for vector in 0..<5 { bytes[16 * vector + 12] = 1 }
        for _ in 0..<20_000 {
            let (offset, width, value) = (random.below(96), [1, 2, 3, 4, 5, 8][random.below(6)], random.next())
            let vector = table.write(UInt64(offset), value, width: width)
            #expect(vector == (offset < 80 ? offset / 16 : nil))
            for index in 0..<width where offset + index < 80 {
                let byte = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
                let place = (offset + index) % 16
                bytes[offset + index] = place < 12 ? byte : place == 12 ? byte & 1 : 0
            }
            let (from, length) = (random.below(96), [1, 2, 4, 8][random.below(4)])
            let expected = (0..<length).reduce(UInt64(0)) { sum, index in
                sum | UInt64(from + index < 80 ? bytes[from + index] : 0) << UInt64(8 * index)
            }
            #expect(table.read(UInt64(from), width: length) == expected)
        }
    }

    @Test func resetMasksAndClears() {
        var table = MSIXTable(count: 2)
        for offset in stride(from: 0, to: 32, by: 4) { table.write(UInt64(offset), 0, width: 4) }
        table.write(0, 0xFEE0_0000, width: 4)
        #expect(!table.isMasked(0))
        table.reset()
        #expect(table.isMasked(0))
        #expect(table.isMasked(1))
        #expect(table.message(0) == MSIMessage(address: 0, data: 0))
    }
}
