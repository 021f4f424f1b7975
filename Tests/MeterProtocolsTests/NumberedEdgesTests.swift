import Metering
import Testing

@testable import MeterProtocols

@Suite struct NumberedEdgesTests {
    private static let begin = Instant(nanoseconds: 1_000_000_000)

    private static func edges(number: UInt64? = 0, activeSince: Instant? = nil) -> NumberedEdges {
        NumberedEdges(active: .falling, minPulse: .milliseconds(20), number: number, activeSince: activeSince)
    }

    /// A pulse is hum if it is shorter than 15 ms and, with the pause before it, shorter than 30 ms: 0.75 and 1.5 times `minPulse`.
    private static let widths: [(rest: Int64, pulse: Int64, isHum: Bool)] = [
        (10_000_000, 14_999_999, true), (10_000_000, 15_000_000, false), (15_000_000, 14_999_999, true), (15_000_001, 14_999_999, false),
        (29_999_998, 1, true), (29_999_999, 1, false), (0, 10_000_000, true), (20_000_000, 20_000_000, false),
        (1_000_000_000, 10_000_000, false),
        // Times that run backwards or don't advance prove nothing.
        (5_000_000, 0, false), (5_000_000, -1, false),
    ]

    @Test(arguments: widths) func humIsAShortPulseAfterAShortRest(_ rest: Int64, _ pulse: Int64, _ isHum: Bool) {
        var edges = Self.edges()
        _ = edges.push(Edge(.falling, at: Self.begin, number: 1))
        let rested = Self.begin + .milliseconds(30)
        #expect(edges.push(Edge(.rising, at: rested, number: 2)).pulses == 1)
        let began = rested + .nanoseconds(rest)
        #expect(edges.push(Edge(.falling, at: began, number: 3)).pulses == 0)
        #expect(edges.activeSince == began)
        let found = edges.push(Edge(.rising, at: began + .nanoseconds(pulse), number: 4))
        #expect(found.isHum == isHum && found.pulses == (isHum ? 0 : 1) && found.recovered == 0 && found.at == began)
        #expect(edges.activeSince == nil && edges.number == 4)
    }

    /// The length of the pause before the request is unknown and treated as zero.
    @Test(arguments: [(14_999_999, true), (15_000_000, false)] as [(Int64, Bool)])
    func theFirstPulseMayBeHum(_ pulse: Int64, _ isHum: Bool) {
        var edges = Self.edges()
        _ = edges.push(Edge(.falling, at: Self.begin, number: 1))
        #expect(edges.push(Edge(.rising, at: Self.begin + .nanoseconds(pulse), number: 2)).isHum == isHum)
        // A process that takes over within a pulse doesn't have the length of the pause before it.
        var later = Self.edges(number: 3, activeSince: Self.begin)
        let found = later.push(Edge(.rising, at: Self.begin + .nanoseconds(pulse), number: 4))
        #expect(found.pulses == 1 && !found.isHum && found.at == Self.begin)
    }

    /// The number of lost edges and the resulting pulses: all that ended are counted, and those without any edge seen count as recovered.
    private static let gaps: [(lost: UInt64, toActive: Bool, pulses: Int64, recovered: Int64)] = [
        (0, true, 0, 0), (1, false, 1, 0), (2, true, 1, 1), (3, false, 2, 1), (4, true, 2, 2), (5, false, 3, 2), (6, true, 3, 3),
    ]

    @Test(arguments: gaps) func aGapAfterARest(_ lost: UInt64, _ toActive: Bool, _ pulses: Int64, _ recovered: Int64) {
        var edges = Self.edges(number: 10)
        let at = Self.begin + .seconds(5)
        let found = edges.push(Edge(toActive ? .falling : .rising, at: at, number: 11 + lost))
        #expect(found.pulses == pulses && found.recovered == recovered && found.at == at && !found.isHum)
        #expect(edges.activeSince == (toActive ? at : nil))
    }

    private static let gapsInAPulse: [(lost: UInt64, toActive: Bool, pulses: Int64, recovered: Int64)] = [
        (0, false, 1, 0), (1, true, 1, 1), (2, false, 2, 1), (3, true, 2, 2), (4, false, 3, 2),
    ]

    @Test(arguments: gapsInAPulse) func aGapInAPulse(_ lost: UInt64, _ toActive: Bool, _ pulses: Int64, _ recovered: Int64) {
        var edges = Self.edges(number: 10, activeSince: Self.begin)
        let found = edges.push(Edge(toActive ? .falling : .rising, at: Self.begin + .seconds(5), number: 11 + lost))
        #expect(found.pulses == pulses && found.recovered == recovered)
    }

    /// A pulse with a lost edge can't be measured, so it is never hum, however short it seems.
    @Test func whatIsNotSeenWholeIsNoHum() {
        var edges = Self.edges()
        _ = edges.push(Edge(.falling, at: Self.begin, number: 1))
        _ = edges.push(Edge(.rising, at: Self.begin + .milliseconds(30), number: 2))
        let found = edges.push(Edge(.rising, at: Self.begin + .milliseconds(31), number: 4))
        #expect(found.pulses == 1 && !found.isHum)
    }

    @Test func anEdgeThatWasCountedIsNotCountedAgain() {
        var edges = Self.edges(number: 4)
        for number in [3, 4] as [UInt64] {
            let found = edges.push(Edge(.rising, at: Self.begin, number: number))
            #expect(found.pulses == 0 && found.recovered == 0 && !found.isHum && found.at == Self.begin && edges.number == 4)
        }
        // Without the request's position the first edge received counts, and none before it.
        var unknown = Self.edges(number: nil)
        #expect(unknown.push(Edge(.rising, at: Self.begin, number: 9)).pulses == 1 && unknown.number == 9)
        unknown = Self.edges(number: nil)
        #expect(unknown.push(Edge(.falling, at: Self.begin, number: 9)).pulses == 0 && unknown.activeSince == Self.begin)
    }
}
