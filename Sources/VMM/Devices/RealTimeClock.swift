import Synchronization

/// The MC146818 clock with its 128 bytes of memory, ports 0x70 (index) and 0x71 (data): Motorola MC146818A data sheet;
/// Intel ICH9 datasheet, 13.6.
///
/// Its time is the host's, UTC, plus the difference that the guest sets. Its interrupts (alarm, update ended, periodic)
/// need a timer: `arm` receives the time at which `timerExpired` must be called. While its line is up it requests no
/// timer, so that a guest that never reads register C costs nothing.
final class RealTimeClock: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: everything that changes is behind a lock.

    static let entry = BoardEntry("the clock", 0x70..<0x72)
    static let gsi: UInt32 = 8

    /// Indices of registers.
    private enum Register {
        static let second = 0, secondAlarm = 1, minute = 2, minuteAlarm = 3, hour = 4, hourAlarm = 5
        static let weekday = 6, day = 7, month = 8, year = 9
        static let a = 10, b = 11, c = 12, d = 13
        static let century = 0x32
        /// Returns true for the registers of time and date.
        static func isTime(_ index: Int) -> Bool {
            switch index {
            case second, minute, hour, weekday, day, month, year, century: true
            default: false
            }
        }
    }

    /// Bits of register B, table 5.
    private enum Control {
        static let set: UInt8 = 0x80
        static let binary: UInt8 = 0x04
        static let hours24: UInt8 = 0x02
    }

    /// Bits common to registers B and C.
    private enum Flag {
        static let periodic: UInt8 = 0x40
        static let alarm: UInt8 = 0x20
        static let updateEnded: UInt8 = 0x10
        static let any: UInt8 = periodic | alarm | updateEnded
        /// Bit 7 of register C: an enabled interrupt has occurred.
        static let request: UInt8 = 0x80
    }

    struct State: Sendable, Equatable {
        var index = 0
        var cells: [UInt8]
        /// The guest's seconds minus the host's.
        var offset: Int64 = 0
        var flags: UInt8 = 0
        /// Host time, in nanoseconds since 1970, up to which `flags` is complete.
        var lookedAt: Int64
        var isUp = false
    }

    private static let second: Int64 = 1_000_000_000
    /// The time in nanoseconds by which "update in progress" precedes the change of the second: data sheet, "Update
    /// Cycle".
    private static let updateWarning: Int64 = 244_000
    private let state: Mutex<State>
    private let now: @Sendable () -> Int64
    private let setLine: @Sendable (Bool) -> Void
    private let arm: @Sendable (Int64?) -> Void

    /// - Parameters:
    ///   - cells: the initial contents of its memory, 128 bytes: `CMOSMemory`.
    ///   - now: nanoseconds since 1970, UTC.
    ///   - setLine: sets the level of IRQ 8.
    ///   - arm: receives the time of the next call of `timerExpired`, on the clock of `now`; nil for none.
    init(
        cells: [UInt8], now: @escaping @Sendable () -> Int64, setLine: @escaping @Sendable (Bool) -> Void,
        arm: @escaping @Sendable (Int64?) -> Void
    ) {
        var cells = Array(cells.prefix(128)) + [UInt8](repeating: 0, count: max(0, 128 - cells.count))
        // The divider runs, 1024 Hz; BCD, 24 hours; memory and time are valid.
        (cells[Register.a], cells[Register.b], cells[Register.c], cells[Register.d]) = (0x26, Control.hours24, 0, 0x80)
        state = Mutex(State(cells: cells, lookedAt: now()))
        self.now = now
        self.setLine = setLine
        self.arm = arm
        super.init()
    }

    // MARK: State

    func save() -> State { state.withLock { $0 } }

    /// Its time goes on with the host's: what passed since it was copied has passed for it too, as for a PC's clock
    /// while the PC is off.
    func restore(_ state: State) {
        self.state.withLock { own in
            own = state
            if state.isUp { setLine(true) }
            arm(state.isUp ? nil : nextEvent(state, state.cells[Register.b] & Flag.any))
        }
    }

    // MARK: Ports

    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        // The index can't be read back on a PC.
        guard offset == 1 else { return .max }
        return UInt64(state.withLock { read($0.index, &$0) })
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        state.withLock { state in
            // Bit 7 masks NMIs, of which there are none. A word at 0x70 is both ports.
            if offset == 0 { state.index = Int(value & 0x7F) }
            let data = UInt8(truncatingIfNeeded: offset == 0 ? value >> 8 : value)
            if offset == 1 || width >= 2 { write(state.index, data, &state) }
        }
    }

    /// Handles the expiry of the timer that `arm` set.
    func timerExpired() {
        state.withLock { updateFlagsAndLine(&$0) }
    }

    private func read(_ index: Int, _ state: inout State) -> UInt8 {
        switch index {
        case Register.a:
            let isUpdating = !isSet(state) && Self.second - now() % Self.second <= Self.updateWarning
            return state.cells[index] | (isUpdating ? 0x80 : 0)
        case Register.c:
            look(&state)
            let flags = state.flags
            state.flags = 0
            // Lowered here in any case: an event between this check and the next must make an edge, or the guest gets
            // no more interrupts.
            drive(false, &state)
            updateFlagsAndLine(&state)
            return flags
        case _ where Register.isTime(index):
            if !isSet(state) { show(&state) }
            return state.cells[index]
        default: return state.cells[index]
        }
    }

    private func write(_ index: Int, _ value: UInt8, _ state: inout State) {
        switch index {
        case Register.a:
            look(&state)
            state.cells[index] = value & 0x7F
            updateFlagsAndLine(&state)
        case Register.b:
            look(&state)
            let wasSet = isSet(state)
            if value & Control.set != 0, !wasSet { show(&state) }
            // Setting the time clears the update interrupt's enable bit.
            state.cells[index] = value & Control.set != 0 ? value & ~Flag.updateEnded : value
            if value & Control.set == 0, wasSet { applyTimeRegisters(&state) }
            updateFlagsAndLine(&state)
        case Register.c, Register.d: break
        case _ where Register.isTime(index):
            if isSet(state) {
                state.cells[index] = value
            } else {
                show(&state)
                state.cells[index] = value
                applyTimeRegisters(&state)
                updateFlagsAndLine(&state)
            }
        case Register.secondAlarm, Register.minuteAlarm, Register.hourAlarm:
            look(&state)
            state.cells[index] = value
            updateFlagsAndLine(&state)
        default: state.cells[index] = value
        }
    }

    // MARK: Time

    private func isSet(_ state: State) -> Bool { state.cells[Register.b] & Control.set != 0 }

    /// Writes the current time to its registers.
    private func show(_ state: inout State) {
        let control = state.cells[Register.b]
        let time = CalendarTime(secondsSince1970: now() / Self.second + state.offset)
        func code(_ value: Int) -> UInt8 {
            UInt8(truncatingIfNeeded: control & Control.binary != 0 ? value : (value / 10) << 4 | value % 10)
        }
        state.cells[Register.second] = code(time.second)
        state.cells[Register.minute] = code(time.minute)
        if control & Control.hours24 != 0 {
            state.cells[Register.hour] = code(time.hour)
        } else {
            state.cells[Register.hour] = code((time.hour + 11) % 12 + 1) | (time.hour >= 12 ? 0x80 : 0)
        }
        state.cells[Register.weekday] = code(time.weekday)
        state.cells[Register.day] = code(time.day)
        state.cells[Register.month] = code(time.month)
        state.cells[Register.year] = code(time.year % 100)
        state.cells[Register.century] = code(time.year / 100)
    }

    /// Sets the time from its registers.
    private func applyTimeRegisters(_ state: inout State) {
        let control = state.cells[Register.b]
        func value(_ index: Int) -> Int { Self.decode(state.cells[index], control) }
        var time = CalendarTime(secondsSince1970: 0)
        time.year = value(Register.century) * 100 + value(Register.year)
        (time.month, time.day) = (value(Register.month), value(Register.day))
        (time.hour, time.minute, time.second) = (
            Self.decodeHour(state.cells[Register.hour], control), value(Register.minute), value(Register.second)
        )
        state.offset = time.secondsSince1970 - now() / Self.second
        state.lookedAt = now()
    }

    private static func decode(_ code: UInt8, _ control: UInt8) -> Int {
        control & Control.binary != 0 ? Int(code) : Int(code >> 4) * 10 + Int(code & 0xF)
    }

    private static func decodeHour(_ code: UInt8, _ control: UInt8) -> Int {
        guard control & Control.hours24 == 0 else { return decode(code, control) }
        return decode(code & 0x7F, control) % 12 + (code & 0x80 != 0 ? 12 : 0)
    }

    // MARK: Interrupts

    /// Adds events since the last check to the flags.
    private func look(_ state: inout State) {
        let (before, now) = (state.lookedAt, now())
        guard now > before else { return }
        state.lookedAt = now
        if let rate = rate(state), Self.ticks(now, rate) != Self.ticks(before, rate) { state.flags |= Flag.periodic }
        guard !isSet(state), now / Self.second != before / Self.second else { return }
        state.flags |= Flag.updateEnded
        if let alarm = nextAlarm(after: before / Self.second, state), alarm <= now / Self.second {
            state.flags |= Flag.alarm
        }
    }

    /// Updates flags, line and timer.
    private func updateFlagsAndLine(_ state: inout State) {
        look(&state)
        let enabled = state.cells[Register.b] & Flag.any
        state.flags = state.flags & Flag.any | (state.flags & enabled != 0 ? Flag.request : 0)
        drive(state.flags & Flag.request != 0, &state)
        arm(state.isUp ? nil : nextEvent(state, enabled))
    }

    private func drive(_ isUp: Bool, _ state: inout State) {
        guard isUp != state.isUp else { return }
        state.isUp = isUp
        setLine(isUp)
    }

    /// Returns the host time of the next enabled interrupt.
    private func nextEvent(_ state: State, _ enabled: UInt8) -> Int64? {
        let seconds = state.lookedAt / Self.second
        var first = Int64.max
        if enabled & Flag.periodic != 0, let rate = rate(state) {
            let rest = (Self.ticks(state.lookedAt, rate) % rate + 1) * Self.second
            first = min(first, seconds * Self.second + (rest + rate - 1) / rate)
        }
        if !isSet(state) {
            if enabled & Flag.updateEnded != 0 { first = min(first, (seconds + 1) * Self.second) }
            if enabled & Flag.alarm != 0, let alarm = nextAlarm(after: seconds, state) {
                first = min(first, alarm * Self.second)
            }
        }
        return first == .max ? nil : first
    }

    /// Returns the periodic interrupt's rate in Hz; nil if it is off. Data sheet, table 5.
    private func rate(_ state: State) -> Int64? {
        switch state.cells[Register.a] & 0xF {
        case 0: nil
        case 1: 256
        case 2: 128
        case let selection: 32768 >> Int64(selection - 1)
        }
    }

    private static func ticks(_ time: Int64, _ rate: Int64) -> Int64 {
        time / second * rate + time % second * rate / second
    }

    /// Returns the first second after `moment` (host seconds) that matches the alarm registers; nil for none. Values
    /// from 0xC0 on match everything.
    private func nextAlarm(after moment: Int64, _ state: State) -> Int64? {
        let control = state.cells[Register.b]
        let guest = CalendarTime(secondsSince1970: moment + 1 + state.offset)
        func wanted(_ index: Int) -> Int? {
            state.cells[index] >= 0xC0 ? nil : Self.decode(state.cells[index], control)
        }
        let hour =
            state.cells[Register.hourAlarm] >= 0xC0 ? nil : Self.decodeHour(state.cells[Register.hourAlarm], control)
        let (minute, second) = (wanted(Register.minuteAlarm), wanted(Register.secondAlarm))
        var candidate = guest.hour * 3600 + guest.minute * 60 + guest.second
        let start = candidate
        // Steps to the next hour, minute or second: about two hundred steps at most.
        while candidate < start + 86_400 {
            let time = candidate % 86_400
            if let hour, time / 3600 != hour {
                candidate += 3600 - time % 3600
            } else if let minute, time / 60 % 60 != minute {
                candidate += 60 - time % 60
            } else if let second, time % 60 != second {
                candidate += 1
            } else {
                return moment + 1 + Int64(candidate - start)
            }
        }
        return nil
    }
}
