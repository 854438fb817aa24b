import KVM
import PCI
import TestSupport
import Testing
import VMM

@testable import Assignment

/// The order in which a guest's writes reach kernel and device, through the guest's bus.
@Suite struct AssignedFunctionOrderTests {
    @Test("before the guest starts, the decoders are off and its line is connected")
    func initialState() throws {
        let fixture = try AssignedFixture(failingAfter: .max)
        #expect(fixture.timeline.take() == [.configWrite(4, 0, width: 2), .startINTx(masked: false)])
        #expect(fixture.function.decodedBARs().isEmpty)
        let quiet = try AssignedFixture(hasINTx: false, failingAfter: .max)
        #expect(quiet.timeline.take() == [.configWrite(4, 0, width: 2)])
        #expect(quiet.function.interruptPin == 0)
        #expect(quiet.read(0x3D, width: 1) == 0)
    }

    @Test(
        "the INTx mask comes before the physical write of the guest's value",
        arguments: AssignedFixture.Mechanism.allCases)
    func intxMaskOrder(by mechanism: AssignedFixture.Mechanism) throws {
        let fixture = try AssignedFixture()
        for (offset, set, clear, width) in [
            (4, 0x0400, 0, 2), (5, 0x04, 0, 1), (4, 0x0400, 0, 4), (4, 0x0504, 0x0104, 2),
        ] as [(Int, UInt32, UInt32, Int)] {
            #expect(
                fixture.write(offset, set, width: width, by: mechanism) == [
                    .mask(true), .configWrite(offset, set, width: width),
                ])
            #expect(fixture.read(4, width: 2, by: mechanism) & 0x400 == 0x400)
            #expect(
                fixture.write(offset, set, width: width, by: mechanism) == [.configWrite(offset, set, width: width)],
                "no change, no mask")
            #expect(
                fixture.write(offset, clear, width: width, by: mechanism) == [
                    .mask(false), .configWrite(offset, clear, width: width),
                ])
            #expect(fixture.read(4, width: 2, by: mechanism) & 0x400 == 0)
        }
        #expect(fixture.failures.all.isEmpty)
    }

    @Test(
        "INTx-disable reads as the guest wrote it, whatever the kernel did to it",
        arguments: AssignedFixture.Mechanism.allCases)
    func intxDisableReads(by mechanism: AssignedFixture.Mechanism) throws {
        let fixture = try AssignedFixture()
        fixture.backend.setPhysical(5, 0xFF)
        #expect(fixture.read(4, width: 2, by: mechanism) == 0)
        #expect(fixture.read(5, width: 1, by: mechanism) == 0)
        fixture.write(4, 0x0400, width: 2, by: mechanism)
        fixture.backend.setPhysical(5, 0)
        #expect(fixture.read(4, width: 2, by: mechanism) == 0x0400)
        #expect(fixture.read(4, width: 4, by: mechanism) & 0xFFFF == 0x0400)
    }

    @Test("STATUS is the device's, and only its write-one-to-clear bits are written")
    func statusRegister() throws {
        let fixture = try AssignedFixture()
        fixture.backend.setPhysical(6, 0x08)
        fixture.backend.setPhysical(7, 0x20)
        #expect(fixture.read(6, width: 2) == 0x2018)
        #expect(fixture.write(6, 0xFFFF, width: 2) == [.configWrite(6, 0xF900, width: 2)])
        #expect(fixture.write(6, 0x0010, width: 2) == [.configWrite(6, 0, width: 2)])
    }

    /// BAR 0's memory is the guest's only while the device answers: mapped after the device hears that it may, unmapped
    /// before it hears that it may not.
    @Test("memory is unmapped before the decoder is switched off, and mapped after it is switched on")
    func memoryMappingOrder() throws {
        let fixture = try AssignedFixture()
        let address = try #require(fixture.function.bars.first).address(in: fixture)
        #expect(fixture.write(4, 0x0002, width: 2) == [.configWrite(4, 2, width: 2), .mapped(address)])
        #expect(fixture.write(4, 0x0006, width: 2) == [.configWrite(4, 6, width: 2)], "nothing moves")
        #expect(fixture.write(4, 0x0404, width: 2) == [.mask(true), .unmapped, .configWrite(4, 0x0404, width: 2)])
        #expect(fixture.function.decodedBARs().isEmpty)
    }

    @Test func portsAreDecodedByTheirOwnBit() throws {
        let fixture = try AssignedFixture()
        #expect(fixture.write(4, 0x0001, width: 2) == [.configWrite(4, 1, width: 2)])
        #expect(fixture.function.decodedBARs().map(\.bar.index) == [2])
        fixture.write(4, 0x0003, width: 2)
        #expect(fixture.function.decodedBARs().map(\.bar.index) == [0, 2])
    }

    @Test("a BAR can move while it is enabled, without a call to the device")
    func enabledBARMoves() throws {
        let fixture = try AssignedFixture()
        fixture.write(4, 0x0002, width: 2)
        #expect(fixture.write(0x10, 0xD000_0000, width: 4) == [.unmapped, .mapped(0xD000_0000)])
        #expect(fixture.read(0x10, width: 4) == 0xD000_0004)
        // Its upper half takes it out of every window: it stops answering, and comes back.
        #expect(fixture.write(0x14, 0xFFFF_FFFF, width: 4) == [.unmapped])
        #expect(fixture.write(0x14, 0, width: 4) == [.mapped(0xD000_0000)])
    }

    @Test("sizing a decoded BAR ends at its old address")
    func sizingWhileDecoded() throws {
        let fixture = try AssignedFixture()
        fixture.write(4, 0x0002, width: 2)
        let (low, high) = (fixture.read(0x10, width: 4), fixture.read(0x14, width: 4))
        fixture.write(0x10, 0xFFFF_FFFF, width: 4)
        #expect(fixture.read(0x10, width: 4) == 0xFFFF_C004)
        fixture.write(0x10, low, width: 4)
        fixture.write(0x14, 0xFFFF_FFFF, width: 4)
        #expect(fixture.read(0x14, width: 4) == 0xFFFF_FFFF)
        #expect(fixture.write(0x14, high, width: 4) == [.mapped(UInt64(high) << 32 | UInt64(low & ~15))])
        #expect(fixture.failures.all.isEmpty)
    }

    /// Each call that a write makes is made to fail in turn: what follows it is not done, and the run hears one
    /// sentence.
    @Test(arguments: 0..<3)
    func afterAFailureNothingMoreIsDone(step: Int) throws {
        let all: [Timeline.Event] = [.mask(true), .stopINTx, .startMessages(.msi, 1)]
        let fixture = try AssignedFixture()
        fixture.backend.fail(after: step == 0 ? 0 : step - 1)
        if step == 0 {
            #expect(fixture.write(4, 0x0402, width: 2) == [.mask(true)])
        } else {
            #expect(fixture.write(AssignedFixture.msi + 2, 1, width: 2) == Array(all[1...step]))
        }
        #expect(fixture.failures.all == ["0000:00:04.0: \(all[step]) was refused"])
    }

    @Test func aFailureAtTheStartIsThrown() {
        for count in 0...1 { #expect(throws: AssignmentError.self) { try AssignedFixture(failingAfter: count) } }
    }

    @Test func otherSlotsFunctionsAndBusesReadAllOnes() throws {
        let fixture = try AssignedFixture()
        // 00.0 is the host bridge; 32 devices of 8 functions a bus.
        #expect((0..<1024).filter { fixture.readFunction($0) != .max } == [0, 4 << 3])
    }
}

extension BAR {
    /// The address that the bus gave it.
    fileprivate func address(in fixture: AssignedFixture) -> UInt64 {
        UInt64(fixture.read(offset + 4, width: 4)) << 32 | UInt64(fixture.read(offset, width: 4) & ~15)
    }
}
