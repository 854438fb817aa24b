import Testing

@testable import PCI

/// The power states that a guest's writes lead to.
@Suite struct PowerCapabilityTests {
    private static func capability(_ capabilities: UInt16) throws -> PowerCapability {
        var bytes = [UInt8](repeating: 0, count: 256)
        bytes[0x42] = UInt8(truncatingIfNeeded: capabilities)
        bytes[0x43] = UInt8(capabilities >> 8)
        return try #require(PowerCapability(bytes, at: 0x40))
    }

    @Test func aStateThatTheFunctionLacksIsDiscarded() throws {
        for (hasD1, hasD2) in [(false, false), (true, false), (false, true), (true, true)] {
            let power = try Self.capability(3 | (hasD1 ? 0x0200 : 0) | (hasD2 ? 0x0400 : 0))
            #expect(power.state(after: .d1, from: .d0) == (hasD1 ? .d1 : .d0))
            #expect(power.state(after: .d2, from: .d0) == (hasD2 ? .d2 : .d0))
        }
    }

    @Test func outOfALowStateItGoesDeeperOrToD0() throws {
        let power = try Self.capability(0x0603)
        for old in [PowerCapability.State.d0, .d1, .d2, .d3hot] {
            #expect(power.state(after: .d0, from: old) == .d0)
            #expect(power.state(after: .d3hot, from: old) == .d3hot)
        }
        #expect(power.state(after: .d2, from: .d1) == .d2)
        #expect(power.state(after: .d1, from: .d2) == .d2)
        #expect(power.state(after: .d1, from: .d3hot) == .d3hot)
        #expect(power.state(after: .d2, from: .d3hot) == .d3hot)
    }

    @Test func itsStateIsTwoBitsOfTheView() throws {
        let power = try Self.capability(3)
        var space = ConfigSpace()
        space.set(0x44, 0xFF, width: 1)
        #expect(power.state(in: space) == .d3hot)
        power.set(.d1, in: &space)
        #expect(space.read(0x44, width: 1) == 0xFD)
        #expect(power.state(in: space) == .d1)
        #expect(PowerCapability([UInt8](repeating: 0, count: 256), at: 0xFA) == nil)
    }
}
