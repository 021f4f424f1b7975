import Metering
import Publishing
import Testing

@Suite struct TotalInquiryTests {
    private static let topics = ["jouled/gas/volume", "jouled/gas/availability"]
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let lacking: Snapshot = {
        var gas = MeterSnapshot(name: "gas", title: "Gas", kind: .pulse(.gas), volumeUnit: .cubicMetres)
        gas.lacksTotal = true
        let heat = MeterSnapshot(name: "heat", title: "Heat pump", kind: .pulse(.electricity))
        return Snapshot(meters: [gas, heat])
    }()
    private let settled: Snapshot = {
        Snapshot(meters: [MeterSnapshot(name: "gas", title: "Gas", kind: .pulse(.gas), volumeUnit: .cubicMetres)])
    }()

    /// An inquiry that has asked.
    private func asking() -> TotalInquiry {
        var inquiry = TotalInquiry(Topics(base: "jouled", prefix: "homeassistant"))
        _ = inquiry.connected(now: start)
        _ = inquiry.update(lacking, now: start)
        return inquiry
    }

    @Test func asksOnceForWhatIsMissing() {
        var inquiry = TotalInquiry(Topics(base: "jouled", prefix: "homeassistant"))
        #expect(inquiry.update(lacking, now: start) == [], "there is nobody to ask")
        #expect(inquiry.nextDeadline == nil)
        #expect(inquiry.connected(now: start) == Self.topics)
        #expect(inquiry.update(lacking, now: start) == [])
        var later = TotalInquiry(Topics(base: "jouled", prefix: "homeassistant"))
        #expect(later.connected(now: start) == [])
        #expect(later.update(lacking, now: start) == Self.topics)
        #expect(later.update(settled, now: start) == [])
        #expect(later.nextDeadline == nil, "somebody has set it")
    }

    @Test func takesWhatIsRetained() {
        var inquiry = asking()
        let payload = Array("2047.123".utf8)
        #expect(inquiry.received("jouled/heat/energy", payload, isRetained: true, now: start) == nil, "nobody asked for that")
        #expect(inquiry.received(Self.topics[0], payload, isRetained: false, now: start) == [], "somebody tries things out")
        let answers = inquiry.received(Self.topics[0], payload, isRetained: true, now: start)
        #expect(answers?.map(\.total) == [.found(Quantity(2_047_123, exponent: -3))])
        #expect(answers?.map(\.meter) == ["gas"] && answers?.first?.topics == Self.topics)
        #expect(inquiry.received(Self.topics[0], payload, isRetained: true, now: start) == [])
        #expect(inquiry.tick(now: start + .seconds(3600)) == [] && inquiry.nextDeadline == nil)
    }

    /// If the broker lets us read, silence means that there is no total; otherwise it means nothing.
    @Test func believesSilenceOnlyWithAProof() {
        var readable = asking()
        #expect(readable.nextDeadline == start + .seconds(10))
        #expect(readable.received(Self.topics[1], Array("online".utf8), isRetained: false, now: start + .seconds(1)) == [])
        #expect(readable.nextDeadline == start + .seconds(3))
        #expect(readable.tick(now: start + .milliseconds(2900)) == [])
        #expect(readable.tick(now: start + .seconds(3)).map(\.total) == [.nothing])
        var mute = asking()
        #expect(mute.tick(now: start + .seconds(9)) == [])
        #expect(mute.tick(now: start + .seconds(10)).map(\.total) == [.unanswered])
        #expect(mute.tick(now: start + .seconds(3600)) == [] && mute.nextDeadline == nil, "said once")
        let late = mute.received(Self.topics[0], Array("5".utf8), isRetained: true, now: start)
        #expect(late?.map(\.total) == [.found(Quantity(5))])
    }

    @Test func asksAnewAtTheNextConnection() {
        var inquiry = asking()
        _ = inquiry.received(Self.topics[1], [], isRetained: true, now: start)
        #expect(inquiry.disconnected().map(\.total) == [.unanswered])
        #expect(inquiry.nextDeadline == nil && inquiry.tick(now: start + .seconds(60)) == [])
        #expect(inquiry.connected(now: start + .seconds(60)) == Self.topics)
        #expect(inquiry.disconnected() == [], "that was said")
        _ = inquiry.connected(now: start + .seconds(70))
        _ = inquiry.received(Self.topics[1], [], isRetained: true, now: start + .seconds(70))
        #expect(inquiry.tick(now: start + .seconds(72)).map(\.total) == [.nothing])
    }

    /// Each meter is asked and answered separately.
    @Test func severalMeters() {
        var inquiry = TotalInquiry(Topics(base: "jouled", prefix: "homeassistant"))
        _ = inquiry.connected(now: start)
        #expect(inquiry.update(lacking, now: start) == Self.topics)
        var heat = MeterSnapshot(name: "heat", title: "Heat pump", kind: .pulse(.electricity))
        heat.lacksTotal = true
        let both = Snapshot(meters: lacking.meters.filter(\.lacksTotal) + [heat])
        #expect(inquiry.update(both, now: start + .seconds(4)) == ["jouled/heat/energy", "jouled/heat/availability"])
        #expect(inquiry.nextDeadline == start + .seconds(10))
        #expect(inquiry.received("jouled/heat/availability", [], isRetained: false, now: start + .seconds(5)) == [])
        #expect(inquiry.nextDeadline == start + .seconds(7))
        let answers = inquiry.tick(now: start + .seconds(7))
        #expect(answers.map(\.meter) == ["heat"] && answers.map(\.total) == [.nothing])
        #expect(
            answers.first?.topics == ["jouled/heat/energy", "jouled/heat/availability"] && inquiry.nextDeadline == start + .seconds(10))
        // A repeated proof doesn't count, nor does one of a meter that was already answered.
        #expect(inquiry.received("jouled/heat/availability", [], isRetained: false, now: start + .seconds(8)) == [])
        #expect(inquiry.nextDeadline == start + .seconds(10))
        let late = inquiry.tick(now: start + .seconds(10))
        #expect(late.map(\.meter) == ["gas"] && late.map(\.total) == [.unanswered] && late.first?.topics == [])
        #expect(inquiry.nextDeadline == nil)
        // The meter is answered later, once its topics can be read.
        #expect(inquiry.received(Self.topics[1], [], isRetained: false, now: start + .seconds(20)) == [])
        #expect(inquiry.nextDeadline == start + .seconds(22))
        #expect(inquiry.tick(now: start + .milliseconds(21_999)) == [])
        #expect(inquiry.tick(now: start + .seconds(22)).map(\.total) == [.nothing])
        #expect(
            inquiry.update(settled, now: start + .seconds(23)) == []
                && inquiry.received(Self.topics[0], [], isRetained: true, now: start) == nil)
    }

    @Test(arguments: ["", "0", "12.5", "0033402.264"]) func readsTotals(payload: String) {
        let total = Quantity(payload).map { RememberedTotal.found($0) } ?? .nothing
        #expect(RememberedTotal(Array(payload.utf8)) == total)
    }

    @Test(arguments: [
        "abc", "-5", "1e3", "nan", "99999999999", "0.0000000001", "unavailable", "12.5 ", "000000000000000000000000000000001",
    ])
    func refusesTheRest(payload: String) {
        guard case .unreadable = RememberedTotal(Array(payload.utf8)) else { return #expect(Bool(false), "\(payload) was taken") }
    }
}
