import MeterProtocols
import Metering
import Testing
import VirtualMeters

@Suite struct VirtualS0Tests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func house(_ watts: Int64) -> Household { Household(seed: 1, profile: .steady(watts: watts), startedAt: start) }

    private func house(_ steps: [Household.Step]) -> Household { Household(seed: 1, profile: .steps(steps), startedAt: start) }

    @Test func exactTimes() {
        var meter = VirtualS0(pulsesPerUnit: 1000, pulseLength: .milliseconds(90), household: house(3600), seed: 1)
        for second in 1...1000 as ClosedRange<Int64> {
            let at = start + .seconds(second)
            #expect(meter.nextEdge() == Edge(.falling, at: at))
            #expect(meter.nextEdge() == Edge(.rising, at: at + .milliseconds(90)))
        }
        #expect(meter.pulses == 1000)
    }

    /// 7 W divides nothing evenly, but over a year no pulse may be lost or early.
    @Test func noDrift() throws {
        var meter = VirtualS0(pulsesPerUnit: 3, household: house(7), seed: 1)
        for pulse in 1...180 as ClosedRange<Int64> {
            let next = meter.nextEdge()
            let edge = try #require(next)
            _ = meter.nextEdge()
            // A third of a kWh each, in watt-nanoseconds, rounded up to the nanosecond.
            #expect((edge.at - start).nanoseconds == (pulse * 1_200_000_000_000_000 + 6) / 7)
        }
    }

    @Test func exportGivesNoPulse() {
        var none = VirtualS0(pulsesPerUnit: 1000, household: house(-500), seed: 1)
        #expect(none.nextEdge() == nil)
        let steps = [Household.Step(.milliseconds(500), watts: 3600), .init(.seconds(60), watts: -3600), .init(.seconds(1), watts: 3600)]
        var meter = VirtualS0(pulsesPerUnit: 1000, household: house(steps), seed: 1)
        #expect(meter.nextEdge() == Edge(.falling, at: start + .seconds(61)))
    }

    /// 120 kW at 1000 pulses per kWh are 33 a second, more than fit with their pauses. They are delayed, but none is lost.
    @Test func neverFasterThanTheOutput() {
        let steps = [Household.Step(.seconds(3), watts: 120_000), .init(.seconds(1), watts: 0)]
        var meter = VirtualS0(pulsesPerUnit: 1000, pulseLength: .milliseconds(30), household: house(steps), seed: 1)
        var edges: [Edge] = []
        while let edge = meter.nextEdge() { edges.append(edge) }
        #expect(meter.pulses == 100)
        for (edge, next) in zip(edges, edges.dropFirst()) { #expect(next.at - edge.at >= .milliseconds(30)) }
    }

    @Test func bounce() {
        var meter = VirtualS0(pulsesPerUnit: 10_000, pulseLength: .milliseconds(40), household: house(2000), bounce: true, seed: 9)
        var twin = meter
        var edges: [Edge] = []
        while meter.pulses <= 500, let edge = meter.nextEdge() { edges.append(edge) }
        #expect(edges.count > 1500)
        for (edge, next) in zip(edges, edges.dropFirst()) {
            #expect(next.at > edge.at)
            #expect(next.direction != edge.direction)
        }
        // Besides the bounce there is one long low level per pulse.
        let lows = zip(edges, edges.dropFirst()).filter { $0.direction == .falling && $1.at - $0.at > .milliseconds(20) }
        #expect(lows.count == 500)
        #expect(edges.allSatisfy { twin.nextEdge() == $0 })
    }
}
