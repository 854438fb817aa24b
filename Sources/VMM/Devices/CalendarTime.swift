/// A calendar time: UTC, the Gregorian calendar.
struct CalendarTime: Equatable {
    var year: Int
    /// 1...12.
    var month: Int
    /// 1...31.
    var day: Int
    /// 1...7 from Sunday, the MC146818's numbering.
    var weekday: Int
    var hour: Int
    var minute: Int
    var second: Int

    private static let secondsADay: Int64 = 86_400
    /// Days in 400 years, after which the calendar repeats.
    private static let daysACycle: Int64 = 146_097
    /// The days from 0000-03-01, the start of a year that ends with February, to 1970-01-01.
    private static let daysBefore1970: Int64 = 719_468

    /// - Parameter seconds: since 1970-01-01 00:00:00.
    init(secondsSince1970 seconds: Int64) {
        let (days, rest) = Self.divide(seconds, Self.secondsADay)
        let (cycle, dayOfCycle) = Self.divide(days + Self.daysBefore1970, Self.daysACycle)
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        // Months counted from March have 153 days in every five.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5) + 1
        month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        year = Int(cycle * 400 + yearOfCycle) + (month <= 2 ? 1 : 0)
        // 1970 began on a Thursday.
        weekday = Int(Self.divide(days + 4, 7).remainder) + 1
        (hour, minute, second) = (Int(rest / 3600), Int(rest / 60 % 60), Int(rest % 60))
    }

    /// Seconds since 1970-01-01 00:00:00. Parts out of their range carry over; the weekday is ignored.
    var secondsSince1970: Int64 {
        let (carry, monthFromJanuary) = Self.divide(Int64(month) - 1, 12)
        let monthFromMarch = (monthFromJanuary + 10) % 12
        let (cycle, yearOfCycle) = Self.divide(Int64(year) + carry - (monthFromMarch >= 10 ? 1 : 0), 400)
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
        let dayOfCycle = 365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
        let days = cycle * Self.daysACycle + dayOfCycle - Self.daysBefore1970
        return days * Self.secondsADay + Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)
    }

    /// Divides and rounds down, so that times before 1970 are right.
    private static func divide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
