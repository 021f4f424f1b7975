/// A point on the machine's monotonic clock: the clock of timers and of the kernel's edge timestamps. Never the wall clock, which jumps.
///
/// Inlined into other modules, because they all compare and add instants.
@usableFromInline
package struct Instant: Comparable, Hashable, Sendable {
    @usableFromInline package var nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable package static var distantPast: Instant { Instant(nanoseconds: .min) }
    @inlinable package static var distantFuture: Instant { Instant(nanoseconds: .max) }

    @inlinable package static func == (a: Instant, b: Instant) -> Bool { a.nanoseconds == b.nanoseconds }
    @inlinable package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable package static func + (a: Instant, b: Duration) -> Instant { Instant(nanoseconds: a.nanoseconds &+ b.nanoseconds) }
    @inlinable package static func - (a: Instant, b: Duration) -> Instant { Instant(nanoseconds: a.nanoseconds &- b.nanoseconds) }
    @inlinable package static func - (a: Instant, b: Instant) -> Duration { .nanoseconds(a.nanoseconds &- b.nanoseconds) }

    /// The same as `(self - other).seconds`, without the 128-bit `Duration` in between.
    package func seconds(since other: Instant) -> Double { Double(nanoseconds &- other.nanoseconds) / 1e9 }
}

extension Duration {
    /// Whole nanoseconds, rounded towards zero; every duration of this program fits (292 years). `components` would give the same result,
    /// but costs a call and three 128-bit divisions, and a duration is added for every deadline.
    @inlinable package var nanoseconds: Int64 {
        _high < 0 ? 0 &- (.zero - self).wholeNanoseconds : wholeNanoseconds
    }

    /// The nanoseconds of a duration that is not negative.
    @inlinable var wholeNanoseconds: Int64 {
        Int64(truncatingIfNeeded: UInt64(1_000_000_000).dividingFullWidth((UInt64(_high), _low)).quotient)
    }

    package var seconds: Double { Double(nanoseconds) / 1e9 }
}

/// A point on the wall clock: for people, for timestamps in messages, and for comparisons across restarts and with a meter's own clock.
package struct WallTime: Comparable, Hashable, Sendable {
    package var millisecondsSince1970: Int64

    package init(millisecondsSince1970: Int64) { self.millisecondsSince1970 = millisecondsSince1970 }

    package static func < (a: WallTime, b: WallTime) -> Bool { a.millisecondsSince1970 < b.millisecondsSince1970 }

    /// The years 0000 to 9999: only four-digit years can be written.
    private static let year0: Int64 = -62_167_219_200_000
    static let endOf9999: Int64 = 253_402_300_799_999

    /// RFC 3339 in UTC with milliseconds: `2026-11-21T06:28:00.000Z`. Times outside its range are clamped.
    package var rfc3339: String {
        let bounded = min(max(millisecondsSince1970, Self.year0), Self.endOf9999)
        let days = floorDivide(bounded, 86_400_000)
        var rest = bounded - days * 86_400_000
        // Civil date from a day count, in eras of 400 years that begin on 1 March (so the leap day comes last).
        let z = days + 719_468
        let era = floorDivide(z, 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let milliseconds = rest % 1000
        rest /= 1000
        var text = Array("0000-00-00T00:00:00.000Z".utf8)
        text.write(year, at: 0..<4)
        text.write(month, at: 5..<7)
        text.write(day, at: 8..<10)
        text.write(rest / 3600, at: 11..<13)
        text.write(rest / 60 % 60, at: 14..<16)
        text.write(rest % 60, at: 17..<19)
        text.write(milliseconds, at: 20..<23)
        return String(decoding: text, as: UTF8.self)
    }

    /// Like `rfc3339`, but without milliseconds: `2026-11-21T06:28:00Z`.
    package var rfc3339Seconds: String { rfc3339.prefix(19) + "Z" }
}

private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
    let quotient = a / b
    return a % b < 0 ? quotient - 1 : quotient
}

extension [UInt8] {
    /// Writes the last digits of the number.
    fileprivate mutating func write(_ number: Int64, at places: Range<Int>) {
        var rest = number.magnitude
        for place in places.reversed() {
            self[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }
}
