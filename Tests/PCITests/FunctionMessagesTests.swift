import PCI
import Testing

/// The state of a function's messages, apart from any device: which mode the registers ask for, what a vector is set
/// to, what reads of the pending bits and the table see.
@Suite struct FunctionMessagesTests {
    private var space: ConfigSpace
    private var messages: FunctionMessages
    private let msi: MSICapability
    private let msix: MSIXCapability

    init() throws {
        var header = FunctionHeader(vendorID: 0x1234, deviceID: 0x5678, classCode: 0xFF_0000, bars: [])
        header.msiVectors = 8
        header.msix = .init(vectors: 70, bar: 2, tableOffset: 0x100, pendingOffset: 0x800)
        (space, messages) = header.configSpace()
        msi = try #require(messages.layout.msi)
        msix = try #require(messages.layout.msix)
    }

    private mutating func enable(msi isMSIOn: Bool = false, msix isMSIXOn: Bool = false, vectors: UInt32 = 0) {
        space.write(msi.offset + 2, (isMSIOn ? 1 : 0) | vectors << 4, width: 2)
        space.write(msix.offset + 2, isMSIXOn ? 0x8000 : 0, width: 2)
    }

    @Test mutating func msiXComesBeforeMSIBeforeINTx() {
        #expect(messages.mode(in: space, hasLine: true) == .intx)
        #expect(messages.mode(in: space, hasLine: false) == .none)
        enable(msi: true)
        #expect(messages.mode(in: space, hasLine: true) == .messages(.msi))
        enable(msi: true, msix: true)
        #expect(messages.mode(in: space, hasLine: true) == .messages(.msix))
    }

    @Test func aWriteToACapabilityIsKnown() {
        for offset in [msi.offset, msi.offset + msi.length - 1, msix.offset, msix.offset + MSIXCapability.length - 1] {
            #expect(messages.areTouched(byWriteAt: offset, width: 1), "0x\(String(offset, radix: 16))")
        }
        #expect(!messages.areTouched(byWriteAt: msi.offset + msi.length, width: 1))
        #expect(!messages.areTouched(byWriteAt: msix.offset - 4, width: 4))
        #expect(messages.areTouched(byWriteAt: msix.offset - 1, width: 2))
    }

    @Test mutating func msiVectorsShareAnAddressAndCountInTheData() {
        enable(msi: true, vectors: 2)
        space.write(msi.offset + 4, 0xFEE0_1000, width: 4)
        space.write(msi.offset + 12, 0x4140, width: 2)
        // The mask bits' register of a capability with 64-bit addresses.
        space.write(msi.offset + 16, 0b0100, width: 4)
        let settings = messages.settings(.messages(.msi), in: space)
        #expect(settings.map(\.number) == [0, 1, 2, 3])
        #expect(settings.map(\.message.data) == [0x4140, 0x4141, 0x4142, 0x4143])
        #expect(settings.map(\.isMasked) == [false, false, true, false])
        #expect(messages.initialCount(.msi, in: space) == 4)
        #expect(messages.settings(.intx, in: space).isEmpty)
    }

    @Test mutating func theFunctionsMaskMasksEveryVector() {
        enable(msix: true)
        for vector in 0..<3 { _ = messages.writeTable(at: 0x100 + UInt64(vector) * 16 + 12, 0, width: 4) }
        #expect((0..<4).map { messages.setting(.msix, $0, in: space).isMasked } == [false, false, false, true])
        #expect(messages.initialCount(.msix, in: space) == 3)
        space.write(msix.offset + 2, 0xC000, width: 2)
        #expect((0..<4).allSatisfy { messages.setting(.msix, $0, in: space).isMasked })
        #expect(messages.initialCount(.msix, in: space) == 0)
    }

    @Test mutating func pendingBitsOfMSIAreReadByAnyWidth() throws {
        enable(msi: true, vectors: 3)
        let register = try #require(msi.pendingOffset)
        let (space, messages) = (space, messages)
        func read(_ offset: Int, _ width: Int) -> UInt32 {
            messages.pendingBits(readAt: offset, width: width, in: space) { $0 == 0 || $0 == 7 }
        }
        #expect(read(register, 4) == 0x81)
        #expect(read(register, 1) == 0x81)
        #expect(read(register + 1, 1) == 0)
        #expect(read(register - 2, 4) == 0x81_0000)
        #expect(read(register + 4, 4) == 0)
    }

    @Test func thePendingArrayEndsWithTheLastVector() {
        func read(_ offset: UInt64, _ width: Int) -> UInt64 {
            messages.pendingArray(readAt: offset, width: width) { $0 % 2 == 1 }
        }
        #expect(read(0x800, 8) == 0xAAAA_AAAA_AAAA_AAAA)
        #expect(read(0x804, 4) == 0xAAAA_AAAA)
        // 70 vectors: six in the second word.
        #expect(read(0x808, 8) == 0b10_1010)
        #expect(read(0x809, 1) == 0)
        #expect(read(0x810, 8) == 0)
        #expect(read(0x7F8, 8) == 0)
    }

    @Test mutating func aWriteOverTwoEntriesTouchesBoth() {
        #expect(messages.writeTable(at: 0x100 + 12, 0xFEE0_0000_0000_0000, width: 8) == 0..<2)
        #expect(messages.setting(.msix, 1, in: space).message.address == 0xFEE0_0000)
        #expect(messages.writeTable(at: 0x100 + 69 * 16 + 12, 0, width: 8) == 69..<70)
        #expect(messages.writeTable(at: 0x100 + 70 * 16, 1, width: 4).isEmpty)
        #expect(messages.writeTable(at: 0xFC, .max, width: 4).isEmpty)
        #expect(messages.readTable(at: 0xFC, width: 4) == 0)
    }

    @Test func whatOfABARIsTheTable() {
        #expect(messages.layout.area(bar: 2, offset: 0x100) == .table)
        #expect(messages.layout.area(bar: 2, offset: 0x100 + 70 * 16) == nil)
        #expect(messages.layout.area(bar: 2, offset: 0x80F) == .pendingBits)
        #expect(messages.layout.area(bar: 2, offset: 0x810) == nil)
        #expect(messages.layout.area(bar: 1, offset: 0x100) == nil)
        #expect(messages.layout.splits(bar: 2, offset: 0xFE, width: 4))
        #expect(!messages.layout.splits(bar: 2, offset: 0xFC, width: 4))
        #expect(!messages.layout.splits(bar: 1, offset: 0xFE, width: 4))
        #expect(messages.layout.trappedRanges(bar: 2) == [0..<0x1000, 0..<0x1000])
        #expect(messages.layout.trappedRanges(bar: 0).isEmpty)
    }

    @Test func aFunctionWithoutMessagesHasNone() {
        let (space, messages) = FunctionHeader(vendorID: 1, deviceID: 2, classCode: 0, bars: []).configSpace()
        #expect(space.read(ConfigRegister.status, width: 2) == 0)
        #expect(space.read(ConfigRegister.capabilitiesPointer, width: 1) == 0)
        #expect(messages.settings(.messages(.msix), in: space).isEmpty)
        #expect(messages.layout.area(bar: 0, offset: 0) == nil)
        #expect(messages.pendingArray(readAt: 0, width: 8) { _ in true } == 0)
    }

    @Test func theHeaderListsItsCapabilities() throws {
        var header = FunctionHeader(vendorID: 0x1234, deviceID: 0x5678, classCode: 0x01_0802, bars: [])
        (header.subsystemVendorID, header.subsystemID, header.revision, header.interruptPin) = (0x9ABC, 0xDEF0, 3, 2)
        header.msix = .init(vectors: 2048, bar: 5, pendingOffset: 0x8000)
        let space = header.configSpace().space
        let bytes = (0..<256).map { UInt8(space.read($0, width: 1)) }
        #expect(Capability.list(bytes).map(\.id) == [Capability.msix])
        #expect(space.read(0, width: 4) == 0x5678_1234)
        #expect(space.read(8, width: 4) == 0x0108_0203)
        #expect(space.read(0x2C, width: 4) == 0xDEF0_9ABC)
        #expect(space.read(ConfigRegister.interruptPin, width: 1) == 2)
        // What the guest reads is what a driver takes the capability for.
        let read = try #require(MSIXCapability(bytes, at: Capability.list(bytes)[0].offset))
        #expect(read.vectorCount == 2048)
        #expect(read.tableBAR == 5)
        #expect(read.tableOffset == 0)
        #expect(read.pendingOffset == 0x8000)
    }
}
