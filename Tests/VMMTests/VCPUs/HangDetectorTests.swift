import Testing

@testable import VMM

/// When a guest is taken for over, by the clock alone.
@Suite struct HangDetectorTests {
    private static let look: UInt64 = 500_000_000
    private var watch = HangDetector(from: 1000)
    private var now: UInt64 = 1000
    private var time: UInt64 = 0

    /// Waits until it wants to look, and lets it.
    private mutating func look(took: UInt64 = 100_000, areAsleep: Bool = false) -> HangDetector.Step {
        now = watch.next
        time += took
        return watch.look(at: now, processorTime: time, areAsleep: areAsleep)
    }

    @Test mutating func aGuestThatSleepsForGoodIsAskedTwice() {
        #expect([look(), look(areAsleep: true), look(areAsleep: true)] == [.ask, .ask, .over])
        #expect(now == 1000 + 3 * Self.look, "a second and a half")
    }

    @Test mutating func whoeverComputesIsNotAsked() {
        for _ in 0..<5 { #expect(look(took: Self.look / 10) == .wait) }
        #expect(now == 1000 + 5 * Self.look)
        #expect(look() == .ask)
        #expect(look(took: Self.look / 10, areAsleep: true) == .wait, "it ran since it was asked")
        #expect([look(), look(areAsleep: true), look(areAsleep: true)] == [.ask, .ask, .over])
    }

    @Test mutating func whoeverWaitsForInterruptsIsAskedSeldom() {
        #expect([look(), look(areAsleep: false)] == [.ask, .wait])
        let asked = now
        #expect(look(took: 0) == .ask)
        #expect(now == asked + 4 * Self.look)
        #expect([look(areAsleep: true), look(areAsleep: false)] == [.ask, .wait], "asleep once is not for good")
    }

    @Test("detection restarts if something other than an interrupt can wake the guest") mutating func otherWakeups() {
        #expect([look(), look(areAsleep: true), look(areAsleep: true)] == [.ask, .ask, .over])
        watch.leave()
        let left = now
        #expect(look(areAsleep: true) == .ask)
        #expect(now == left + 4 * Self.look)
        #expect([look(areAsleep: true), look(areAsleep: true)] == [.ask, .over])
    }
}
