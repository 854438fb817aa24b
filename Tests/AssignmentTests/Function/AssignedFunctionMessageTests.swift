import KVM
import PCI
import Testing

@testable import Assignment

/// What the backend is told as the guest turns its interrupt mechanisms on and off.
@Suite struct AssignedFunctionMessageTests {
    private static let control = (msi: AssignedFixture.msi + 2, msix: AssignedFixture.msix + 2)
    private let fixture: AssignedFixture

    init() throws { fixture = try AssignedFixture() }

    private func vector(_ number: Int, _ address: UInt64, _ data: UInt32, masked: Bool) -> Timeline.Event {
        .vector(number, MSIMessage(address: address, data: data), masked: masked)
    }

    /// Every MSI-X vector as at reset.
    private var reset: [Timeline.Event] { (0..<AssignedFixture.vectors).map { vector($0, 0, 0, masked: true) } }

    @Test func msiTakesOverFromINTxAndGivesBack() {
        #expect(fixture.write(AssignedFixture.msi + 4, 0xFEE0_1000, width: 4) == [], "nothing before it is enabled")
        #expect(fixture.write(AssignedFixture.msi + 8, 0x12, width: 4) == [])
        #expect(fixture.write(AssignedFixture.msi + 12, 0x4040, width: 2) == [])
        let on: [Timeline.Event] = [
            .stopINTx, .startMessages(.msi, 1), vector(0, 0x12_FEE0_1000, 0x4040, masked: false),
        ]
        #expect(fixture.write(Self.control.msi, 0x0001, width: 2) == on)
        #expect(fixture.write(Self.control.msi, 0x0000, width: 2) == [.stopMessages, .startINTx(masked: false)])
        #expect(fixture.write(Self.control.msi, 0x01, width: 1) == on, "by a byte as well")
    }

    /// What wakes a processor that has interrupts off: SMI, NMI and INIT; data's bits 8 to 10.
    @Test(
        arguments: [(0x41, false), (0x141, false), (0x241, true), (0x441, true), (0x541, true), (0x741, false)]
            as [(UInt32, Bool)])
    func messagesThatGetThroughWithInterruptsOff(data: UInt32, getThrough: Bool) {
        #expect(!fixture.function.sendsUnmaskableMessages, "by INTx nothing is one")
        fixture.write(AssignedFixture.msi + 12, data, width: 2)
        #expect(!fixture.function.sendsUnmaskableMessages)
        fixture.write(Self.control.msi, 0x0001, width: 2)
        #expect(fixture.function.sendsUnmaskableMessages == getThrough)
        fixture.write(Self.control.msix, 0x8000, width: 2)
        #expect(!fixture.function.sendsUnmaskableMessages)
        fixture.writeMemory(AssignedFixture.table + 5 * 16 + 8, UInt64(data), width: 4)
        #expect(fixture.function.sendsUnmaskableMessages == getThrough)
    }

    @Test func msiHandsOutAsManyVectorsAsTheGuestEnables() {
        fixture.write(AssignedFixture.msi + 4, 0xFEE0_0000, width: 4)
        fixture.write(AssignedFixture.msi + 12, 0x4047, width: 2)
        let four = (0..<4).map { vector($0, 0xFEE0_0000, 0x4044 + UInt32($0), masked: false) }
        #expect(fixture.write(Self.control.msi, 0x0021, width: 2) == [.stopINTx, .startMessages(.msi, 4)] + four)
        // 128 asked for: the device has eight.
        let eight = (0..<8).map { vector($0, 0xFEE0_0000, 0x4040 + UInt32($0), masked: false) }
        #expect(fixture.write(Self.control.msi, 0x0071, width: 2) == eight)
    }

    @Test func anMSIVectorsMaskIsToldForEach() {
        fixture.write(Self.control.msi, 0x0011, width: 2)
        let told = fixture.write(AssignedFixture.msi + 16, 0xFFFF_FF02, width: 4)
        #expect(told == [vector(0, 0, 0, masked: false), vector(1, 0, 1, masked: true)])
        #expect(fixture.read(AssignedFixture.msi + 16, width: 4) == 0x02, "only vectors that exist have a mask bit")
    }

    @Test func msiPendingBitsAreTheBackends() {
        fixture.write(Self.control.msi, 0x0031, width: 2)
        fixture.backend.setPending(1, true)
        fixture.backend.setPending(7, true)
        fixture.backend.setPending(2, false)
        let pending = AssignedFixture.msi + 20
        #expect(fixture.read(pending, width: 4) == 0x82)
        #expect(fixture.read(pending, width: 1) == 0x82)
        #expect(fixture.read(pending + 1, width: 1) == 0)
        fixture.write(pending, 0, width: 4)
        #expect(fixture.read(pending, width: 4) == 0x82, "they are read only")
        fixture.write(Self.control.msi, 0, width: 2)
        #expect(fixture.read(pending, width: 4) == 0)
    }

    @Test func msixTakesOverFromINTxAndGivesBack() {
        #expect(fixture.write(Self.control.msix, 0x8000, width: 2) == [.stopINTx, .startMessages(.msix, 0)] + reset)
        #expect(fixture.write(Self.control.msix, 0x0000, width: 2) == [.stopMessages, .startINTx(masked: false)])
        #expect(fixture.write(Self.control.msix + 1, 0x80, width: 1) == [.stopINTx, .startMessages(.msix, 0)] + reset)
    }

    @Test func msixGoesBeforeMSI() {
        fixture.write(Self.control.msi, 0x0001, width: 2)
        #expect(
            fixture.write(Self.control.msix, 0x8000, width: 2) == [.stopMessages, .startMessages(.msix, 0)] + reset)
        #expect(fixture.write(Self.control.msi, 0x0000, width: 2) == reset, "MSI means nothing while MSI-X is on")
        fixture.write(Self.control.msi, 0x0001, width: 2)
        #expect(
            fixture.write(Self.control.msix, 0x0000, width: 2) == [
                .stopMessages, .startMessages(.msi, 1), vector(0, 0, 0, masked: false),
            ])
    }

    /// As Linux does it: on with the function masked, the table filled in, then the function's mask goes.
    @Test func underTheFunctionMaskEveryVectorIsMasked() throws {
        #expect(fixture.write(Self.control.msix, 0xC000, width: 2) == [.stopINTx, .startMessages(.msix, 0)] + reset)
        let entry = AssignedFixture.table + 3 * 16
        fixture.writeMemory(entry, 0xFEE0_1000, width: 4)
        fixture.writeMemory(entry + 4, 0, width: 4)
        fixture.writeMemory(entry + 8, 0x41, width: 4)
        #expect(fixture.writeMemory(entry + 12, 0, width: 4) == [vector(3, 0xFEE0_1000, 0x41, masked: true)])
        let told = fixture.write(Self.control.msix, 0x8000, width: 2)
        #expect(told.count == AssignedFixture.vectors)
        #expect(told[3] == vector(3, 0xFEE0_1000, 0x41, masked: false))
        #expect(told.filter { $0 != told[3] }.count == AssignedFixture.vectors - 1)
        #expect(fixture.write(Self.control.msix, 0xC000, width: 2)[3] == vector(3, 0xFEE0_1000, 0x41, masked: true))
    }

    @Test("vectors unmasked before the start are requested at once")
    func initialVectors() {
        fixture.writeMemory(AssignedFixture.table + 5 * 16 + 12, 0, width: 4)
        #expect(fixture.write(Self.control.msix, 0x8000, width: 2).prefix(2) == [.stopINTx, .startMessages(.msix, 6)])
    }

    /// A bug VFIO once had: INTx-disable set while messages are on must hold when INTx comes back.
    @Test(arguments: [false, true])
    func theINTxMaskIsCarriedThroughMessages(byMSIX: Bool) {
        let (control, on): (Int, UInt32) = byMSIX ? (Self.control.msix, 0x8000) : (Self.control.msi, 1)
        fixture.write(control, on, width: 2)
        #expect(fixture.write(4, 0x0400, width: 2) == [.mask(true), .configWrite(4, 0x0400, width: 2)])
        #expect(fixture.write(control, 0, width: 2) == [.stopMessages, .startINTx(masked: true)])
        #expect(fixture.write(4, 0, width: 2) == [.mask(false), .configWrite(4, 0, width: 2)])
        fixture.write(4, 0x0400, width: 2)
        fixture.write(control, on, width: 2)
        #expect(fixture.write(4, 0, width: 2) == [.mask(false), .configWrite(4, 0, width: 2)])
        #expect(fixture.write(control, 0, width: 2) == [.stopMessages, .startINTx(masked: false)])
    }

    @Test func withoutALineThereIsNoneToGoBackTo() throws {
        let fixture = try AssignedFixture(hasINTx: false)
        #expect(
            fixture.write(Self.control.msi, 1, width: 2) == [.startMessages(.msi, 1), vector(0, 0, 0, masked: false)])
        #expect(fixture.write(Self.control.msi, 0, width: 2) == [.stopMessages])
    }

    @Test("no write to a message capability reaches the device")
    func messageCapability() {
        for offset in AssignedFixture.msi..<AssignedFixture.msix + 12 {
            for value: UInt32 in [0xFF, 0] {
                let told = fixture.write(offset, value, width: 1)
                #expect(!told.contains { if case .configWrite = $0 { true } else { false } }, "byte \(offset)")
            }
        }
    }
}

/// The MSI-X table and its pending bits, reached through their BAR.
@Suite struct AssignedFunctionTableTests {
    private let fixture: AssignedFixture
    private var function: AssignedFunction<RecordingBackend> { fixture.function }

    init() throws { fixture = try AssignedFixture() }

    @Test func theirPagesAreTrappedAndNoOthers() {
        #expect(fixture.backend.trapped(0) == [0x2000..<0x3000, 0x3000..<0x4000])
        #expect(fixture.backend.trapped(2) == nil, "ports are never mapped")
    }

    @Test(arguments: [1, 2, 4, 8])
    func theTableIsReadAndWrittenInAnyWidth(width: Int) {
        let entry: [UInt64] = [0x0000_0034_FEE0_1004, 0x0000_0000_0000_4041]
        let base = AssignedFixture.table + 7 * 16
        for start in stride(from: 0, to: 16, by: width) {
            #expect(
                fixture.writeMemory(base + UInt64(start), entry[start / 8] >> UInt64(8 * (start % 8)), width: width)
                    == [], "off: nobody hears")
        }
        for start in stride(from: 0, to: 16, by: width) {
            let mask: UInt64 = width == 8 ? .max : 1 << UInt64(8 * width) - 1
            #expect(
                function.readBAR(0, offset: base + UInt64(start), width: width) == entry[start / 8]
                    >> UInt64(8 * (start % 8)) & mask)
        }
        let told = fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        #expect(told.contains(.vector(7, MSIMessage(address: 0x34_FEE0_1004, data: 0x4041), masked: false)))
    }

    @Test func theDeviceNeverSeesTheTable() {
        fixture.writeMemory(AssignedFixture.table, 1, width: 4)
        _ = fixture.timeline.take()
        for offset in stride(from: AssignedFixture.table, to: AssignedFixture.table + 16 * 20, by: 4) {
            _ = function.readBAR(0, offset: offset, width: 4)
        }
        #expect(fixture.timeline.take() == [])
    }

    @Test func theRestOfTheBARIsTheDevices() {
        fixture.backend.setBAR(0, 0xA5)
        for offset in [0, 0x1FFC, 0x2000 + 16 * 20, 0x2FFC, 0x3008, 0x3FFC] as [UInt64] {
            _ = fixture.timeline.take()
            #expect(function.readBAR(0, offset: offset, width: 4) == 0xA5)
            #expect(fixture.timeline.take() == [.barRead(0, offset, width: 4)])
            #expect(fixture.writeMemory(offset, 0x77, width: 4) == [.barWrite(0, offset, 0x77, width: 4)])
        }
    }

    @Test func aWriteOverTwoEntriesTellsOfBoth() {
        fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        let told = fixture.writeMemory(AssignedFixture.table + 12, 0xFEE0_2000_0000_0000, width: 8)
        #expect(
            told == [
                .vector(0, MSIMessage(address: 0, data: 0), masked: false),
                .vector(1, MSIMessage(address: 0xFEE0_2000, data: 0), masked: true),
            ])
        let last = AssignedFixture.table + 16 * 19
        #expect(fixture.writeMemory(last + 12, 0, width: 8).count == 1, "beyond the last one there is none")
    }

    @Test("each write to a vector is passed on while messages are enabled")
    func vectorUpdates() {
        fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        let base = AssignedFixture.table + 16 * 2
        #expect(
            fixture.writeMemory(base, 0xFEE0_0000, width: 4) == [
                .vector(2, MSIMessage(address: 0xFEE0_0000, data: 0), masked: true)
            ])
        #expect(
            fixture.writeMemory(base + 12, 0, width: 1) == [
                .vector(2, MSIMessage(address: 0xFEE0_0000, data: 0), masked: false)
            ])
        #expect(
            fixture.writeMemory(base + 12, 1, width: 1) == [
                .vector(2, MSIMessage(address: 0xFEE0_0000, data: 0), masked: true)
            ])
    }

    /// A vector's pending bit is the backend's where it delivers the vector, and the device's own where it never did.
    @Test func pendingBitsComeFromWhoeverHoldsThem() {
        let pending = AssignedFixture.pending
        #expect(function.readBAR(0, offset: pending, width: 8) == 0)
        fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        fixture.backend.setPending(0, true)
        fixture.backend.setPending(1, false)
        fixture.backend.setPending(19, true)
        #expect(function.readBAR(0, offset: pending, width: 8) == 0x8_0001)
        #expect(function.readBAR(0, offset: pending, width: 1) == 0x01)
        #expect(function.readBAR(0, offset: pending + 2, width: 1) == 0x08)
        #expect(function.readBAR(0, offset: pending + 2, width: 2) == 0x08)
        #expect(function.readBAR(0, offset: pending + 4, width: 4) == 0)
        fixture.backend.setBAR(0, 0xFFFF_FFFF_FFFF_FFFF)
        #expect(
            function.readBAR(0, offset: pending, width: 4) == 0x000F_FFFD,
            "vector 1 is known not to pend, beyond 19 there is none")
    }

    @Test func pendingBitsTakeNoWrite() {
        fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        for width in [1, 2, 4, 8] { #expect(fixture.writeMemory(AssignedFixture.pending, .max, width: width) == []) }
    }

    @Test func aRefusedVectorEndsTheRun() {
        fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        fixture.backend.fail(after: 0)
        fixture.writeMemory(AssignedFixture.table + 12, 0, width: 4)
        #expect(fixture.failures.all.count == 1)
    }
}
