/// How far a meter's own clock is off. The meter sends its time (0.9.1) and its date (0.9.2) separately, and never its time zone.
struct MeterClock: Sendable {
    /// A date that is read more than this long after the time does not belong to the same moment.
    private static let longestBetween = Duration.seconds(120)
    /// If the readout takes longer than this, it is unclear when the meter read its clock.
    private static let longestReading = Duration.seconds(1)
    /// The largest offset of any time zone from UTC.
    private static let mostHours: Int64 = 14

    private struct Time: Sendable {
        let secondOfDay: Int64
        let at: Instant
        let wall: WallTime
    }

    private var time: Time?

    /// The meter's clock minus the wall clock in seconds, once both its time and its date have been read. Whole hours are removed as time
    /// zone or daylight saving, unless there are too many.
    mutating func offset(in readout: Readout, wall: WallTime) -> Int64? {
        // A telegram that was not requested may have been delayed for a long time.
        guard readout.source == .iec62056, readout.asked < readout.at, readout.at - readout.asked <= Self.longestReading else { return nil }
        if let value = readout[OBISCode(0, 9, 1)] {
            let half = (readout.at - readout.asked).nanoseconds / 2
            time = Self.secondOfDay(value).map { second in
                Time(
                    secondOfDay: second, at: Instant(nanoseconds: readout.asked.nanoseconds + half),
                    wall: WallTime(millisecondsSince1970: wall.millisecondsSince1970 - half / 1_000_000))
            }
        }
        guard let time, let date = readout[OBISCode(0, 9, 2)], let day = Self.day(date) else { return nil }
        self.time = nil
        // If midnight may have passed since the time was read, the date may be that of the next day.
        let passed = readout.at - time.at
        guard passed <= Self.longestBetween, time.secondOfDay + Int64(passed.seconds.rounded(.up)) + 1 < 86_400 else { return nil }
        // The meter sends whole seconds: on average, half a second has passed.
        let meter = (day * 86_400 + time.secondOfDay) * 1000 + 500
        let offset = Int64((Double(meter - time.wall.millisecondsSince1970) / 1000).rounded())
        let hours = Int64((Double(offset) / 3600).rounded())
        return hours.magnitude <= Self.mostHours ? offset - hours * 3600 : offset
    }

    /// Parses `184300` and `16:40:56`.
    private static func secondOfDay(_ value: RegisterValue) -> Int64? {
        guard let (hour, minute, second) = pairs(value), hour < 24, minute < 60, second < 60 else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// Parses `130512`, `16-03-22` and `25.11.21`; returns days since 1970.
    private static func day(_ value: RegisterValue) -> Int64? {
        guard let (year, month, day) = pairs(value), 1...12 ~= month, day > 0 else { return nil }
        let leap: Int64 = year % 4 == 0 ? 1 : 0
        let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day <= lengths[Int(month) - 1] else { return nil }
        let beforeYear = 10_957 + year * 365 + (year + 3) / 4
        return beforeYear + lengths.prefix(Int(month) - 1).reduce(0, +) + day - 1
    }

    /// Three pairs of digits, optionally after a digit for the season.
    private static func pairs(_ value: RegisterValue) -> (Int64, Int64, Int64)? {
        guard case .text(let text) = value else { return nil }
        let parts = text.split(omittingEmptySubsequences: false) { ":-.".contains($0) }
        let isMarked = parts.count == 3 && parts.dropFirst().allSatisfy { $0.utf8.count == 2 }
        let digits = parts.joined()
        guard parts.count == 1 || isMarked, 6...7 ~= digits.utf8.count, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let number = Int64(digits)
        else { return nil }
        return (number / 10_000 % 100, number / 100 % 100, number % 100)
    }
}
