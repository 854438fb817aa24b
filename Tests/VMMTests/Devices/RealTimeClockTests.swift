import Synchronization
import Testing

@testable import VMM

/// The MC146818's registers and interrupts, on a clock that a test sets; Motorola MC146818A data sheet.
@Suite struct RealTimeClockTests {
    /// The host's side.
    private final class Host: Sendable {
        let now = Mutex<Int64>(0)
        /// How much later it is each time that somebody asks.
        let step = Mutex<Int64>(0)
        let levels = Mutex<[Bool]>([])
        let alarm = Mutex<Int64?>(nil)

        func ask() -> Int64 {
            let step = step.withLock { $0 }
            return now.withLock { now in
                now += step
                return now
            }
        }
    }

    private static let second: Int64 = 1_000_000_000
    /// 2026-11-21 17:59:58 UTC, a Saturday.
    private static let start: Int64 = 1_795_283_998
    private let host = Host()
    private let clock: RealTimeClock

    init() {
        let host = host
        host.now.withLock { $0 = Self.start * Self.second }
        clock = RealTimeClock(
            cells: [UInt8](repeating: 0, count: 128), now: { host.ask() },
            setLine: { level in host.levels.withLock { $0.append(level) } },
            arm: { time in host.alarm.withLock { $0 = time } })
    }

    private func read(_ index: UInt64) -> UInt64 {
        clock.write(0, index, width: 1)
        return clock.read(1, width: 1)
    }
    private func write(_ index: UInt64, _ value: UInt64) {
        clock.write(0, index, width: 1)
        clock.write(1, value, width: 1)
    }
    private func pass(_ nanoseconds: Int64) { host.now.withLock { $0 += nanoseconds } }
    private var time: [UInt64] { [0x32, 9, 8, 7, 6, 4, 2, 0].map(read) }
    private var levels: [Bool] { host.levels.withLock { $0 } }
    private var alarm: Int64? { host.alarm.withLock { $0 } }

    /// Lets the time come that the clock asked to be woken at, and wakes it.
    private func wake() throws {
        let time = try #require(alarm)
        host.now.withLock { $0 = max($0, time) }
        clock.timerExpired()
    }

    @Test func showsTheHostsTimeInUTC() {
        #expect(time == [0x20, 0x26, 0x11, 0x21, 7, 0x17, 0x59, 0x58])
        pass(2 * Self.second)
        #expect(time == [0x20, 0x26, 0x11, 0x21, 7, 0x18, 0x00, 0x00])
        #expect(read(0xA) == 0x26)
        #expect(read(0xB) == 0x02)
        #expect(read(0xD) == 0x80)
        #expect(clock.read(0, width: 1) == .max, "the index can't be read")
    }

    @Test func countsInBinaryAndTwelveHours() {
        write(0xB, 0x04)
        #expect(time == [20, 26, 11, 21, 7, 0x80 | 5, 59, 58])
        write(0xB, 0x00)
        #expect(read(4) == 0x85)
        pass(7 * 3600 * Self.second)
        #expect(read(4) == 0x12, "midnight is 12 AM")
        pass(12 * 3600 * Self.second)
        #expect(read(4) == 0x92, "noon is 12 PM")
    }

    @Test func saysThatAnUpdateIsNear() {
        pass(Self.second - 245_000)
        #expect(read(0xA) & 0x80 == 0)
        pass(2_000)
        #expect(read(0xA) & 0x80 != 0)
        write(0xB, 0x82)
        #expect(read(0xA) & 0x80 == 0, "no update while the time is being set")
    }

    @Test func takesTheTimeThatIsSet() {
        write(0xB, 0x82)
        for (index, value) in [(0x32, 0x19), (9, 0x99), (8, 0x12), (7, 0x31), (4, 0x23), (2, 0x59), (0, 0x59)]
            as [(UInt64, UInt64)]
        { write(index, value) }
        pass(10 * Self.second)
        #expect(time == [0x19, 0x99, 0x12, 0x31, 7, 0x23, 0x59, 0x59], "it stands while it is set")
        write(0xB, 0x02)
        #expect(time == [0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59])
        pass(Self.second)
        #expect(time == [0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0])
        write(4, 0x12)
        #expect(
            time == [0x20, 0x00, 0x01, 0x01, 7, 0x12, 0, 0], "without SET a register counts on from what is written")
    }

    @Test func settingTheTimeStopsTheUpdateInterrupt() {
        write(0xB, 0x12)
        write(0xB, 0x92)
        #expect(read(0xB) == 0x82)
        #expect(alarm == nil)
        write(0xB, 0x02)
        #expect(read(0xB) == 0x02)
        #expect(alarm == nil)
    }

    @Test func standsAnyTimeThatIsSet() {
        for value: UInt64 in [0, 0x7F, 0xAA, 0xFF] {
            for mode: UInt64 in [0x80, 0x82, 0x84, 0x86] {
                write(0xB, mode)
                for index: UInt64 in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x32] { write(index, value) }
                write(0xB, mode & 0x7F | 0x70)
                _ = time
                pass(Self.second)
                clock.timerExpired()
                _ = read(0xC)
            }
        }
        write(0xB, 0x02)
        #expect(read(0xD) == 0x80)
    }

    @Test func theAlarmRaisesItsLineUntilItIsRead() throws {
        write(1, 0x05)
        write(3, 0x01)
        write(5, 0x18)
        #expect(alarm == nil, "nothing is enabled")
        write(0xB, 0x22)
        #expect(alarm == (Self.start + 67) * Self.second, "18:01:05")
        pass(66 * Self.second)
        clock.timerExpired()
        #expect(levels.isEmpty)
        try wake()
        #expect(levels == [true], "nobody need wake it while its line is up")
        #expect(alarm == nil, "nobody need wake it while its line is up")
        #expect(read(0xC) & 0xB0 == 0xB0, "the request, the alarm, the update")
        #expect(levels == [true, false])
        #expect(read(0xC) == 0)
        #expect(alarm == (Self.start + 67 + 86_400) * Self.second, "the same time tomorrow")
    }

    @Test(
        "the alarm may ignore hours, minutes and seconds",
        arguments: [
            (0xFF, 0xFF, 0xFF, 1), (0x00, 0xFF, 0xFF, 2), (0x30, 0xC0, 0xFF, 32), (0x58, 0x59, 0x17, 86_400),
            (0x00, 0x00, 0xC0, 2),
            (0x59, 0x59, 0x17, 1),
        ] as [(UInt64, UInt64, UInt64, Int64)])
    func alarmWildcards(second: UInt64, minute: UInt64, hour: UInt64, wait: Int64) {
        write(1, second)
        write(3, minute)
        write(5, hour)
        write(0xB, 0x22)
        #expect(alarm == (Self.start + wait) * Self.second)
    }

    @Test func anAlarmThatNeverComesAsksForNoWaking() {
        write(1, 0x99)
        write(3, 0x99)
        write(5, 0x99)
        write(0xB, 0x22)
        #expect(alarm == nil)
    }

    @Test func thePeriodicInterruptKeepsItsRate() throws {
        write(0xA, 0x2F)
        write(0xB, 0x42)
        #expect(alarm == Self.start * Self.second + Self.second / 2, "2 Hz")
        try wake()
        #expect(read(0xC) == 0xC0)
        #expect(alarm == (Self.start + 1) * Self.second)
        write(0xA, 0x23)
        let next = try #require(alarm)
        #expect(next - (Self.start * Self.second + Self.second / 2) == 122_071, "8192 Hz")
        write(0xA, 0x20)
        #expect(alarm == nil, "rate 0 is none")
    }

    @Test func theUpdateInterruptComesEverySecond() throws {
        write(0xB, 0x12)
        for number in 1...3 as ClosedRange<Int64> {
            #expect(alarm == (Self.start + number) * Self.second)
            try wake()
            #expect(read(0xC) & 0x90 == 0x90)
        }
        #expect(levels == [true, false, true, false, true, false])
    }

    /// The line is an edge to the PIC: were it left up, nobody would be woken again. iPXE stood so, waiting for its
    /// samples of the clock.
    @Test("a tick during a read of the flags makes an edge")
    func tickDuringRead() throws {
        write(0xA, 0x2F)
        write(0xB, 0x42)
        try wake()
        // The next tick comes after the register was read and before its reading is done with.
        pass(Self.second / 2 - 2)
        host.step.withLock { $0 = 1 }
        #expect(read(0xC) == 0xC0)
        #expect(levels == [true, false, true])
        #expect(read(0xC) == 0xD0, "the tick is told, and that a second ended with it")
    }

    /// Systems that poll, as some do at boot.
    @Test func flagsComeWithoutInterrupts() {
        _ = read(0xC)
        #expect(read(0xC) == 0)
        pass(2 * Self.second)
        #expect(read(0xC) == 0x50, "an update and a period, and no request")
        #expect(levels.isEmpty)
    }

    @Test func aWordIsIndexAndValue() {
        clock.write(0, 0x5A_20, width: 2)
        #expect(read(0x20) == 0x5A)
        clock.write(0, 0xA0, width: 1)
        #expect(clock.read(1, width: 1) == 0x5A, "bit 7 of the index masks NMIs")
    }

    @Test(
        arguments: [
            (0, [1970, 1, 1, 5, 0, 0, 0]), (-1, [1969, 12, 31, 4, 23, 59, 59]),
            (951_782_400, [2000, 2, 29, 3, 0, 0, 0]),
            (4_107_542_400, [2100, 3, 1, 2, 0, 0, 0]), (4_107_542_399, [2100, 2, 28, 1, 23, 59, 59]),
            (1_795_284_000, [2026, 11, 21, 7, 18, 0, 0]),
        ] as [(Int64, [Int])])
    func calendarsAgree(seconds: Int64, parts: [Int]) {
        let time = CalendarTime(secondsSince1970: seconds)
        #expect([time.year, time.month, time.day, time.weekday, time.hour, time.minute, time.second] == parts)
        #expect(time.secondsSince1970 == seconds)
    }

    @Test func everyDayOfFourCenturiesComesBack() {
        var weekday = CalendarTime(secondsSince1970: -86_400).weekday
        for day in 0..<146_097 as Range<Int64> {
            let time = CalendarTime(secondsSince1970: day * 86_400)
            weekday = weekday % 7 + 1
            guard time.secondsSince1970 == day * 86_400, time.weekday == weekday, (1...12).contains(time.month),
                (1...31).contains(time.day)
            else {
                Issue.record("day \(day) is \(time)")
                return
            }
        }
    }
}

/// What firmware is told in the clock's memory.
@Suite struct CMOSMemoryTests {
    private func word(_ cells: [UInt8], _ places: Int...) -> Int {
        places.reversed().reduce(0) { $0 << 8 | Int(cells[$1]) }
    }

    @Test(
        arguments: [
            (1 << 20, 0, 0, 0, 0), (32 << 20, 0, 31 << 10, 256, 0), (256 << 20, 0, 0xFFFF, 3840, 0),
            (3 << 30, 0, 0xFFFF, 48896, 0),
            (3 << 30, 1 << 30, 0xFFFF, 48896, 16384), (3 << 30, 1 << 41, 0xFFFF, 48896, 0xFF_FFFF),
        ] as [(UInt64, UInt64, Int, Int, Int)])
    func tellsTheMemory(low: UInt64, high: UInt64, extended: Int, above16: Int, above4096: Int) throws {
        let cells = CMOSMemory.cells(lowMemory: low, highMemory: high, cpus: 3)
        #expect(word(cells, 0x15, 0x16) == 640)
        #expect(word(cells, 0x17, 0x18) == extended)
        #expect(word(cells, 0x30, 0x31) == extended)
        #expect(word(cells, 0x34, 0x35) == above16)
        #expect(word(cells, 0x5B, 0x5C, 0x5D) == above4096)
        #expect(cells[0x5F] == 2)
        #expect(word(cells, 0x2F, 0x2E) == cells[0x10...0x2D].reduce(0) { $0 + Int($1) })
        try #require(cells.count == 128)
        #expect(cells[0..<14].allSatisfy { $0 == 0 })
    }
}
