import Configuration
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// A meter, or sunlight, that causes single bytes but never a complete message, each arriving before the timeout.
private struct DribblingMeter: VirtualMeter {
    private static let pause = Duration.milliseconds(1800)

    private var meter: VirtualME162
    /// The number of messages answered properly before that.
    private var answersLeft: Int
    private var next: Instant?
    private var speed = BaudRate.b300

    init(after answers: Int, _ faults: [Fault], startedAt: Instant) {
        let household = Household(seed: 1, profile: .steady(watts: 500), startedAt: startedAt)
        meter = VirtualME162(household: household, faults: faults, seed: 1, startedAt: startedAt)
        answersLeft = answers
        if answers == 0 { next = startedAt }
    }

    var nextDeadline: Instant? { [next, meter.nextDeadline].compactMap { $0 }.min() }

    mutating func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission] {
        kept(meter.received(bytes, at: now, lineSpeed: lineSpeed)) + dribble(until: now)
    }

    mutating func advance(to now: Instant) -> [Emission] { kept(meter.advance(to: now)) + dribble(until: now) }

    private mutating func kept(_ emissions: [Emission]) -> [Emission] {
        emissions.filter { emission in
            answersLeft -= 1
            // A sign-on is answered with the identification.
            if answersLeft >= 0 || next == nil && emission.bytes.first == UInt8(ascii: "/") { return true }
            (next, speed) = (next ?? emission.start, emission.speed)
            return false
        }
    }

    private mutating func dribble(until now: Instant) -> [Emission] {
        var emissions: [Emission] = []
        while let start = next, start <= now {
            emissions.append(Emission([UInt8(ascii: "1")], at: speed, start: start))
            next = start + Self.pause
        }
        return emissions
    }
}

@Suite struct DribblingMeterTests {
    /// From the start, in the first readout at 9600 Bd and at 300 Bd, and in the session after some values.
    @Test(arguments: [(0, []), (1, []), (1, [Fault.slow]), (40, [])] as [(Int, [Fault])], [nil, .iec62056] as [MeterProtocol?])
    func isSaidToBeUnread(_ reading: (answers: Int, faults: [Fault]), _ name: MeterProtocol?) throws {
        let meter = DribblingMeter(after: reading.answers, reading.faults, startedAt: Instant(nanoseconds: 1_000_000_000_000))
        let house = SimulatedHouse(seed: 1, meter: meter)
        house.configuration.meters[0].meterProtocol = name
        house.configuration.meters[0].publishEvery = .zero
        house.start()
        house.run(for: .seconds(3600))
        let isRead = house.broker.published.last { $0.message.topic == "jouled/grid/telegrams" || $0.message.topic == "jouled/grid/json" }
        let unreadSince = isRead?.at ?? Instant(nanoseconds: 1_000_000_000_000)
        #expect((isRead != nil) == (reading.answers > 1))
        let problems = house.broker.published.filter { $0.message.topic == "jouled/grid/problem" && $0.message.payload != "none" }
        let first = try #require(problems.first { $0.at >= unreadSince }, "no problem for an hour")
        #expect(first.at - unreadSince <= .seconds(31), "\(first.at - unreadSince): \(first.message.payload)")
        #expect(house.value("grid/problem") != "none" && house.value("grid/availability") == "offline")
        // A session that waits forever for an answer would not sign on again.
        #expect(house.line.signOns >= 6, "\(house.line.signOns) sign-ons")
    }
}
