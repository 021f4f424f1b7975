import Metering
import Testing

/// A meter whose pulses and display are set by the test.
private struct Bench {
    var total: PulseTotal
    private var display: Quantity
    private var day: Int64 = 0

    init(_ pulsesPerUnit: Int64 = 1000, display: Quantity = Quantity(50_000, exponent: -1)) {
        total = PulseTotal(pulses: 700, pulsesPerUnit: Quantity(pulsesPerUnit))
        self.display = display
        correct()
    }

    private mutating func correct() {
        total.set(display, at: WallTime(millisecondsSince1970: 1_795_242_480_000 + day * 86_400_000))
    }

    /// Adds pulses, advances the display by `tenths`, and then sets the total to the display.
    mutating func run(pulses: Int64, tenths: Int64, days: Int64 = 30) {
        total.pulses += pulses
        day += days
        display = Quantity.adding(display, Quantity(tenths, exponent: -1)) ?? display
        correct()
    }
}

@Suite struct DriftTests {
    @Test func isKnownFromTheSecondCorrectionOn() throws {
        var bench = Bench()
        #expect(bench.total.drift == nil)
        bench.run(pulses: 102_340, tenths: 1000)
        let drift = try #require(bench.total.drift)
        #expect(drift.counted == 102_340 && drift.expected == 100_000)
        #expect(drift.pulses == 2340)
        #expect(drift.percent == Quantity(234, exponent: -2))
        #expect(drift.cause == .bounce)
        #expect(
            drift.description
                == "+2340 pulses (+2.34 %) against the display from 2026-11-21T06:28:00Z to 2026-12-21T06:28:00Z: "
                + "too many pulses: bounce or interference")
        #expect(bench.total.remarks.count == 3)
        #expect(bench.total.remarks.first == "2026-11-21T06:28:00Z: set to 5000.0, was 0.700")
        #expect(bench.total.remarks.dropFirst().first == "2026-12-21T06:28:00Z: set to 5100.0, was 5102.340")
    }

    @Test func theLastDigitOfTheDisplayHidesAsMuch() throws {
        for pulses: Int64 in [99_899, 99_900, 100_101] {
            var bench = Bench()
            bench.run(pulses: pulses, tenths: 1000)
            #expect(bench.total.drift?.cause == .agrees)
        }
        for (pulses, cause) in [(Int64(99_898), Drift.Cause.loss), (100_102, .bounce)] {
            var bench = Bench()
            bench.run(pulses: pulses, tenths: 1000)
            #expect(bench.total.drift?.cause == cause)
        }
        // Without its decimals the display hides ten times as much.
        var total = PulseTotal(pulsesPerUnit: Quantity(1000))
        total.set(Quantity(5000), at: WallTime(millisecondsSince1970: 0))
        total.pulses += 100_999
        total.set(Quantity(5100), at: WallTime(millisecondsSince1970: 1))
        #expect(total.drift?.cause == .agrees)
    }

    @Test(arguments: [
        (Int64(1000), Int64(200_050), Quantity(2, exponent: 3)), (1000, 79_980, Quantity(8, exponent: 2)),
        (1000, 10_003, Quantity(1, exponent: 2)), (1000, 999_900, Quantity(1, exponent: 4)), (800, 100_050, Quantity(1, exponent: 3)),
        (1000, 37_520, Quantity(375)), (970, 194_100, Quantity(194, exponent: 1)), (970, 48_490, Quantity(485)),
        (1000, 125_010, Quantity(125, exponent: 1)),
    ])
    func anotherUsualConstantIsNamed(_ configured: Int64, _ pulses: Int64, _ constant: Quantity) throws {
        var bench = Bench(configured)
        bench.run(pulses: pulses, tenths: 1000)
        #expect(bench.total.drift?.cause == .constant(constant))
    }

    /// Ratios that are close neither to the configured constant nor to a usual one.
    @Test(arguments: [(Int64(104_000), Drift.Cause.bounce), (96_000, .loss), (137_000, .bounce), (70_000, .loss), (100_200_000, .bounce)])
    func whatIsNoConstantIsNotNamed(_ pulses: Int64, _ cause: Drift.Cause) throws {
        var bench = Bench()
        bench.run(pulses: pulses, tenths: 1000)
        #expect(bench.total.drift?.cause == cause)
    }

    @Test func whatStaysTheSameIsAConstant() throws {
        var bench = Bench()
        bench.run(pulses: 104_000, tenths: 1000)
        #expect(bench.total.drift?.cause == .bounce)
        bench.run(pulses: 208_300, tenths: 2000)
        #expect(bench.total.drift?.cause == .constant(Quantity(1041)))
        // Bounce doesn't have a constant ratio.
        bench.run(pulses: 101_000, tenths: 1000)
        #expect(bench.total.drift?.cause == .bounce)
    }

    @Test func aMendedConstantIsMeasuredByTheSameCorrections() throws {
        var bench = Bench()
        bench.run(pulses: 200_050, tenths: 1000)
        #expect(bench.total.drift?.cause == .constant(Quantity(2, exponent: 3)))
        bench.total.changePulsesPerUnit(Quantity(2000))
        #expect(bench.total.drift?.cause == .agrees)
        #expect(bench.total.corrections.count == 2, "a constant is no correction")
    }

    @Test func aDeadLineIsNoLossOfSome() throws {
        var bench = Bench()
        bench.run(pulses: 0, tenths: 1000)
        let drift = try #require(bench.total.drift)
        #expect(drift.cause == .silence)
        #expect(drift.percent == Quantity(-10_000, exponent: -2))
    }

    @Test func aDisplayThatStandsStillHasNoPercent() throws {
        var bench = Bench()
        bench.run(pulses: 500, tenths: 0)
        let drift = try #require(bench.total.drift)
        #expect(drift.cause == .bounce)
        #expect(drift.percent == nil)
    }

    @Test func anotherMeterBeginsAnew() throws {
        var bench = Bench()
        bench.run(pulses: 102_340, tenths: 1000)
        bench.run(pulses: 1000, tenths: -50_000)
        #expect(bench.total.drift == nil)
        bench.run(pulses: 100_000, tenths: 1000)
        #expect(bench.total.drift?.cause == .agrees)
    }

    @Test func aSlipIsNotBlamedOnTheWire() throws {
        var bench = Bench()
        bench.run(pulses: 40, tenths: 450_000)
        #expect(bench.total.drift?.cause == .mistyped)
    }

    /// A correction replaces the previous one if no pulse came in between, within ten minutes.
    @Test func aSecondThoughtReplacesTheFirst() {
        var bench = Bench()
        bench.run(pulses: 100_000, tenths: 10_000)
        bench.run(pulses: 0, tenths: -9000, days: 0)
        #expect(bench.total.corrections.count == 2)
        #expect(bench.total.corrections.last?.before?.description == "5100.000")
        #expect(bench.total.corrections.last?.display.description == "5100.0")
        #expect(bench.total.drift?.cause == .agrees)
        bench.run(pulses: 0, tenths: 0)
        #expect(bench.total.corrections.count == 3)
    }

    /// A short interval between two corrections is unreliable, so it is measured together with the month before.
    @Test func aShortSpanIsMeasuredWithTheOnesBefore() throws {
        var bench = Bench()
        bench.run(pulses: 102_340, tenths: 1000)
        bench.run(pulses: 210, tenths: 1)
        let drift = try #require(bench.total.drift)
        #expect(drift.counted == 102_550 && drift.expected == 100_100)
        bench.run(pulses: 100_000, tenths: 1000)
        #expect(bench.total.drift?.counted == 100_000, "but a long one alone")
    }

    @Test func theNewestCorrectionsAreKept() {
        var bench = Bench()
        for _ in 0..<30 { bench.run(pulses: 1000, tenths: 10) }
        #expect(bench.total.corrections.count == 16)
        #expect(bench.total.corrections.last?.display.description == "5030.0")
        #expect(bench.total.drift?.cause == .agrees)
    }

    /// Percentages are rounded to two decimals, half away from zero: four of 80 000 pulses are 0.005 %.
    @Test(arguments: [(Int64(4), Int64(1)), (3, 0), (-4, -1), (-3, 0), (0, 0), (12, 2), (-12, -2)])
    func percentIsRounded(_ pulses: Int64, _ hundredths: Int64) {
        var bench = Bench()
        bench.run(pulses: 80_000 + pulses, tenths: 800)
        #expect(bench.total.drift?.pulses == pulses && bench.total.drift?.percent == Quantity(hundredths, exponent: -2))
    }

    /// With one or two pulses per digit the tolerance is rounded up, plus one pulse in progress. The expected count is rounded to nearest.
    @Test func fewPulsesForEachUnit() {
        func drift(_ pulsesPerUnit: Int64, _ pulses: Int64, tenths: Int64) -> Drift? {
            var bench = Bench(pulsesPerUnit)
            bench.run(pulses: pulses, tenths: tenths)
            return bench.total.drift
        }
        #expect(drift(10, 1002, tenths: 1000)?.cause == .agrees && drift(10, 1003, tenths: 1000)?.cause != .agrees)
        #expect(drift(11, 1103, tenths: 1000)?.cause == .agrees && drift(11, 1104, tenths: 1000)?.cause != .agrees)
        #expect(drift(7, 698, tenths: 1000)?.cause == .agrees && drift(7, 697, tenths: 1000)?.cause != .agrees)
        #expect(drift(1, 9, tenths: 84)?.expected == 8 && drift(1, 9, tenths: 85)?.expected == 9 && drift(1, 9, tenths: 95)?.expected == 10)
    }

    /// The constants that many meters have, with small deviations.
    @Test(arguments: [125, 160, 200, 240, 250, 320, 375, 400, 480, 500, 600, 640, 750, 800, 1000] as [Int64])
    func usualConstants(_ constant: Int64) {
        var bench = Bench()
        bench.run(pulses: constant * 1000, tenths: 1000)
        guard case .constant(let found)? = bench.total.drift?.cause else {
            Issue.record("\(constant): none")
            return
        }
        #expect(found.units(of: 0) == constant * 10)
    }

    @Test func aConstantThatIsNearToAUsualOne() {
        func cause(_ configured: Int64, _ pulses: Int64) -> Drift.Cause? {
            var bench = Bench(configured)
            bench.run(pulses: pulses, tenths: 1000)
            return bench.total.drift?.cause
        }
        #expect(cause(2000, 100_000) == .constant(Quantity(1, exponent: 3)) && cause(1000, 995_000) == .constant(Quantity(1, exponent: 4)))
        // Within half a percent plus the tenth that the display's last digit hides.
        #expect(cause(1000, 201_100) == .constant(Quantity(2, exponent: 3)) && cause(1000, 201_250) == .bounce)
        #expect(cause(1000, 198_900) == .constant(Quantity(2, exponent: 3)) && cause(1000, 198_750) == .bounce)
    }

    /// A deviation of a pulse has a sign, zero has none.
    @Test(arguments: [(Int64(1), "+1 pulses (+0.00 %) against"), (0, "0 pulses (0.00 %) against"), (-1, "-1 pulses (0.00 %) against")])
    func signs(_ pulses: Int64, _ text: String) {
        var bench = Bench()
        bench.run(pulses: 1_000_000 + pulses, tenths: 10_000)
        #expect(bench.total.drift?.description.hasPrefix(text) == true, "\(bench.total.drift?.description ?? "-")")
    }

    /// A line that broke long ago must not be reported as a constant of 0.
    @Test func aLineThatDiedHasNoConstant() {
        var bench = Bench()
        bench.run(pulses: 5000, tenths: 50)
        for _ in 0..<3 { bench.run(pulses: 0, tenths: 15) }
        // The intervals are short, so all four are combined.
        #expect(bench.total.drift?.counted == 5000 && bench.total.drift?.expected == 9500)
        #expect(bench.total.drift?.cause == .loss)
    }

    @Test func noNumberIsTooMuch() {
        for constant in [Quantity(999_999_999_999_999_999), Quantity(1, exponent: -6), Quantity(999_999_999_999_999_999, exponent: -6)] {
            for display in [Quantity(1_000_000_000), Quantity(999_999_999_999_999_999, exponent: -9), Quantity(0)] {
                var total = PulseTotal(pulsesPerUnit: constant)
                total.set(Quantity(0), at: WallTime(millisecondsSince1970: .min))
                total.pulses = 999_999_999_999_999
                total.set(display, at: WallTime(millisecondsSince1970: .max))
                let moved = display.mantissa > 0
                #expect(total.drift.map { $0.expected >= 0 && $0.expected <= 1 << 62 && ($0.expected > 0) == moved } == true)
                #expect(total.remarks.count == 3)
            }
        }
    }

    /// A display in thousands.
    @Test func zerosBehindTheDisplayCount() {
        var total = PulseTotal(pulsesPerUnit: Quantity(1))
        total.set(Quantity(5, exponent: 3), at: WallTime(millisecondsSince1970: 0))
        total.pulses = 11_001
        total.set(Quantity(15, exponent: 3), at: WallTime(millisecondsSince1970: 1))
        #expect(total.drift?.expected == 10_000 && total.drift?.cause == .agrees)
        total.pulses += 11_002
        total.set(Quantity(25, exponent: 3), at: WallTime(millisecondsSince1970: 2))
        #expect(total.drift?.expected == 20_000 && total.drift?.cause == .bounce)
    }

    @Test func whatDoesNotFitIsAsMuchAsCanBe() {
        var total = PulseTotal(pulsesPerUnit: Quantity(999_999_999_999_999_999))
        total.set(Quantity(0), at: WallTime(millisecondsSince1970: 0))
        total.pulses = 5
        total.set(Quantity(1_000_000_000), at: WallTime(millisecondsSince1970: 1))
        #expect(total.drift?.expected == 4_611_686_018_427_387_904)
    }
}
