import Metering
import Testing

@testable import MeterProtocols

@Suite struct UsualLengthTests {
    private static let line = LineSettings(.b9600)

    /// The time for the rest of a message of 100 characters, ten bits each at 9600 Bd, until 8 ms before its end.
    private static let rests: [(length: Int, rest: Duration?)] = [
        (0, nil), (1, .microseconds(95_125)), (92, .nanoseconds(333_333)), (93, nil), (99, nil), (100, nil), (101, nil),
    ]

    @Test(arguments: rests) func theRestOfAMessage(_ length: Int, _ rest: Duration?) {
        var usual = UsualLength()
        #expect(usual.rest(after: length, on: Self.line) == nil, "nothing was noted")
        usual.note(100)
        #expect(usual.rest(after: length, on: Self.line) == rest)
    }

    /// 248 characters at 9600 Bd take 258 ms.
    @Test(arguments: [(248, 250_000_000), (247, 249_291_666)] as [(Int, Int64)])
    func waitsAQuarterOfASecondAtMost(_ missing: Int, _ nanoseconds: Int64) {
        var usual = UsualLength()
        usual.note(missing + 1)
        #expect(usual.rest(after: 1, on: Self.line) == .nanoseconds(nanoseconds))
    }

    /// The shortest of the last four.
    @Test func messagesOfVariousLengths() {
        var usual = UsualLength()
        var missing: [Int?] = []
        for length in [300, 100, 200, 210, 220, 230] {
            usual.note(length)
            missing.append(usual.missing(after: 10))
        }
        #expect(missing == [290, 90, 90, 90, 90, 190])
    }

    @Test func noiseIsNoLongerThan64KiB() { #expect(UsualLength.longest == 65_536) }
}

@Suite struct SecondLooksTests {
    @Test func eachByteEarnsEight() {
        var looks = SecondLooks()
        let refused = looks.take(1_048_577)
        #expect(!refused && looks.taken == 0, "a mebibyte at the beginning")
        let all = looks.take(1_048_576)
        let more = looks.take(1)
        #expect(all && !more && looks.taken == 1_048_576)
        let none = looks.take(0)
        #expect(none)
        looks.earn(by: 3)
        let tooMany = looks.take(25)
        let earned = looks.take(24)
        #expect(!tooMany && earned && looks.taken == 1_048_600)
    }

    /// The unused budget is capped, whatever is received.
    @Test(arguments: [0, 1, 131_072, .max]) func noMoreThanAMebibyteIsKept(_ received: Int) {
        var looks = SecondLooks()
        looks.earn(by: received)
        let tooMany = looks.take(1_048_577)
        let all = looks.take(1_048_576)
        #expect(!tooMany && all)
        looks.earn(by: received)
        let kept = looks.take(min(received, 131_072) * 8)
        let more = looks.take(1)
        #expect(kept && !more)
    }
}
