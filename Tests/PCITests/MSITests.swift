import PCI
import Testing

@Suite struct MSITests {
    /// One of the four shapes of the capability, alone in an otherwise empty function.
    struct Shape: Sendable, CustomTestStringConvertible {
        let is64Bit: Bool
        let hasMasks: Bool
        let data: Int
        let masks: Int?
        let length: Int

        var testDescription: String { "\(is64Bit ? "64" : "32") bit\(hasMasks ? " with masks" : "")" }

        func hardware(at offset: Int = 0x50, vectorsLog2: Int = 5) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 256)
            (bytes[6], bytes[0x34]) = (0x10, UInt8(offset))
            // Enabled, with a message, as a host's driver may leave it: none of this may show.
            let control = 1 | vectorsLog2 << 1 | vectorsLog2 << 4 | (is64Bit ? 0x80 : 0) | (hasMasks ? 0x100 : 0)
            (bytes[offset], bytes[offset + 2], bytes[offset + 3]) = (5, UInt8(control & 0xFF), UInt8(control >> 8))
            for place in offset + 4..<min(offset + length, 256) { bytes[place] = 0xA5 }
            return bytes
        }
    }

    /// PCI Local Bus 3.0, figure 6-9.
    static let shapes = [
        Shape(is64Bit: false, hasMasks: false, data: 8, masks: nil, length: 10),
        Shape(is64Bit: true, hasMasks: false, data: 12, masks: nil, length: 14),
        Shape(is64Bit: false, hasMasks: true, data: 8, masks: 12, length: 20),
        Shape(is64Bit: true, hasMasks: true, data: 12, masks: 16, length: 24),
    ]

    private func laid(_ shape: Shape, vectorsLog2: Int = 5) throws -> (MSICapability, ConfigSpace) {
        let layout = PassthroughLayout(hardware: shape.hardware(vectorsLog2: vectorsLog2), bars: [], hasINTx: false)
        return (try #require(layout.msi), layout.space)
    }

    @Test(arguments: shapes)
    func readsTheShape(shape: Shape) throws {
        let (msi, _) = try laid(shape)
        #expect(msi.offset == 0x50)
        #expect(msi.is64Bit == shape.is64Bit)
        #expect(msi.hasMasks == shape.hasMasks)
        #expect(msi.length == shape.length)
        #expect(msi.maximumVectors == 32)
        #expect(msi.pendingOffset == shape.masks.map { 0x50 + $0 + 4 })
    }

    @Test(arguments: shapes, [(0, 1), (1, 2), (4, 16), (5, 32), (6, 32), (7, 32)])
    func readsTheVectorCount(shape: Shape, vectors: (log2: Int, count: Int)) throws {
        let (msi, space) = try laid(shape, vectorsLog2: vectors.log2)
        #expect(msi.maximumVectors == vectors.count)
        // What a guest reads is what a device may say.
        #expect(space.read(0x52, width: 2) >> 1 & 7 == UInt32(min(vectors.log2, 5)))
    }

    @Test(arguments: shapes)
    func startsDisabledWithoutAMessage(shape: Shape) throws {
        let (msi, space) = try laid(shape)
        #expect(!msi.isEnabled(in: space))
        #expect(msi.vectorCount(in: space) == 1)
        #expect(msi.message(0, in: space) == MSIMessage(address: 0, data: 0))
        #expect(!msi.isMasked(0, in: space))
    }

    @Test(arguments: shapes)
    func theGuestOwnsEnableCountAddressAndData(shape: Shape) throws {
        var (msi, space) = try laid(shape)
        for place in stride(from: 0x52, to: 0x52 + shape.length, by: 1) { space.write(place, 0xFF, width: 1) }
        #expect(space.read(0x50, width: 1) == 5)
        // Enable and count are written; capable, 64-bit and masks are not, nor reserved bits.
        #expect(space.read(0x52, width: 2) == UInt32(0x7B | (shape.is64Bit ? 0x80 : 0) | (shape.hasMasks ? 0x100 : 0)))
        #expect(msi.isEnabled(in: space))
        #expect(msi.vectorCount(in: space) == 32)
        #expect(msi.message(0, in: space).address == (shape.is64Bit ? 0xFFFF_FFFF_FFFF_FFFC : 0xFFFF_FFFC))
        #expect(space.read(0x50 + shape.data, width: 2) == 0xFFFF)
        if let masks = shape.masks {
            #expect(space.read(0x50 + masks, width: 4) == 0xFFFF_FFFF)
            #expect(space.read(0x50 + masks + 4, width: 4) == 0, "pending bits are read only")
        }
        #expect(space.read(0x50 + shape.length, width: 4) == 0)
    }

    @Test(arguments: shapes)
    func nothingOfItReachesTheDevice(shape: Shape) throws {
        let (msi, space) = try laid(shape)
        for place in msi.offset..<msi.offset + msi.length {
            #expect(space.hardwareWriteMask(place, width: 1) == 0)
            #expect(space.hardwareReadMask(place, width: 1) == 0)
        }
    }

    @Test(arguments: shapes)
    func theLowBitsOfDataCountTheVector(shape: Shape) throws {
        var (msi, space) = try laid(shape)
        space.write(0x54, 0xFEE0_1000, width: 4)
        if shape.is64Bit { space.write(0x58, 0x12, width: 4) }
        space.write(0x50 + shape.data, 0x4137, width: 2)
        let address: UInt64 = shape.is64Bit ? 0x12_FEE0_1000 : 0xFEE0_1000
        #expect(msi.message(0, in: space) == MSIMessage(address: address, data: 0x4137))
        for log2 in 0...5 {
            space.write(0x52, UInt32(log2 << 4 | 1), width: 2)
            #expect(msi.vectorCount(in: space) == 1 << log2)
            let base = UInt32(0x4137) & ~UInt32((1 << log2) - 1)
            for vector in 0..<1 << log2 {
                #expect(
                    msi.message(vector, in: space)
                        == MSIMessage(address: address, data: log2 == 0 ? 0x4137 : base | UInt32(vector)))
            }
        }
    }

    @Test(arguments: shapes.filter(\.hasMasks), [0, 2, 5])
    func onlyVectorsThatExistCanBeMasked(shape: Shape, log2: Int) throws {
        var (msi, space) = try laid(shape, vectorsLog2: log2)
        let masks = try #require(shape.masks)
        space.write(0x50 + masks, 0xFFFF_FFFF, width: 4)
        let all: UInt32 = log2 == 5 ? .max : 1 << (1 << UInt32(log2)) - 1
        #expect(space.read(0x50 + masks, width: 4) == all)
        space.write(0x50 + masks, 1, width: 1)
        #expect(msi.isMasked(0, in: space))
        if log2 > 0 { #expect(!msi.isMasked(1, in: space)) }
    }

    @Test func aCountAboveTheDevicesIsCutToIt() throws {
        var (msi, space) = try laid(Self.shapes[0], vectorsLog2: 1)
        for log2 in 2...7 {
            space.write(0x52, UInt32(log2 << 4), width: 2)
            #expect(msi.vectorCount(in: space) == 2)
        }
    }

    @Test(arguments: shapes)
    func onlyFitsWhereAllOfItFits(shape: Shape) {
        for offset in stride(from: 0xC0, through: 0xFC, by: 4) {
            let found = MSICapability(shape.hardware(at: offset), at: offset)
            #expect((found != nil) == (offset + shape.length <= 256), "at \(offset)")
        }
        #expect(MSICapability([], at: 0x50) == nil)
        #expect(MSICapability([UInt8](repeating: 0xFF, count: 0x53), at: 0x50) == nil)
    }
}
