import KVM
import Testing

@testable import Assignment

/// A guest's power states: what answers in each, and what the device is told.
@Suite struct PowerStateTests {
    private static let control = AssignedFixture.power + 4

    /// A function whose memory BAR answers, and where.
    private static func decoding() throws -> (AssignedFixture, UInt64) {
        let fixture = try AssignedFixture()
        fixture.write(4, 0x0002, width: 2)
        return (fixture, try #require(fixture.function.decodedBARs().first).address)
    }

    @Test(arguments: [1, 3] as [UInt32])
    func outsideOfD0NothingAnswers(state: UInt32) throws {
        let (fixture, address) = try Self.decoding()
        #expect(
            fixture.write(Self.control, state, width: 2) == [.unmapped, .configWrite(Self.control, state, width: 2)])
        #expect(fixture.function.decodedBARs().isEmpty)
        #expect(fixture.write(4, 0x0003, width: 2) == [.configWrite(4, 3, width: 2)])
        #expect(fixture.function.decodedBARs().isEmpty, "a decoder switched on meanwhile waits")
        #expect(
            fixture.write(Self.control, 0, width: 1) == [.configWrite(Self.control, 0, width: 1), .mapped(address)])
    }

    /// VFIO leaves a device in D3hot whose guest asks for D1 then, and takes the memory away that it had mapped.
    @Test("a power state that the function can't enter changes nothing")
    func unreachableState() throws {
        let (fixture, _) = try Self.decoding()
        #expect(fixture.write(Self.control, 2, width: 2) == [.configWrite(Self.control, 0, width: 2)], "there is no D2")
        #expect(!fixture.function.decodedBARs().isEmpty)
        fixture.write(Self.control, 3, width: 2)
        fixture.backend.setPhysical(Self.control, 3)
        for offset in [Self.control, Self.control - 1] {
            fixture.write(offset, offset == Self.control ? 1 : 0x100, width: offset == Self.control ? 2 : 4)
            #expect(fixture.function.decodedBARs().isEmpty)
            #expect(fixture.read(Self.control, width: 1) == 3)
        }
    }

    @Test func aDeviceThatStaysAsleepIsNotReached() throws {
        let (fixture, address) = try Self.decoding()
        fixture.write(Self.control, 3, width: 2)
        fixture.backend.setPhysical(Self.control, 3)
        #expect(fixture.write(Self.control, 0, width: 2) == [.configWrite(Self.control, 0, width: 2)])
        #expect(fixture.function.decodedBARs().isEmpty)
        fixture.backend.setPhysical(Self.control, 0)
        #expect(
            fixture.write(Self.control, 0, width: 2) == [.configWrite(Self.control, 0, width: 2), .mapped(address)])
    }
}
