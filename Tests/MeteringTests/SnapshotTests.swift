import Metering
import Testing

@Suite struct SnapshotTests {
    private func meter(_ pulses: Int64?) -> MeterSnapshot {
        var meter = MeterSnapshot(name: "m\(pulses ?? 0)", title: "M", kind: .pulse(.gas))
        meter.total = pulses.map { PulseTotal(pulses: $0, pulsesPerUnit: Quantity(1)) }
        return meter
    }

    @Test func theSameTotals() {
        let one = Snapshot(meters: [meter(1), meter(nil)])
        #expect(one.hasTotals(of: one) && one.hasTotals(of: Snapshot(meters: [meter(1), meter(nil)])))
        #expect(!one.hasTotals(of: Snapshot(meters: [meter(2), meter(nil)])) && !one.hasTotals(of: Snapshot(meters: [meter(1)])))
        #expect(!one.hasTotals(of: Snapshot(meters: [meter(1), meter(1)])))
        #expect(!one.hasTotals(of: Snapshot(meters: [meter(nil), meter(1)])))
        #expect(Array(one.totals.keys) == ["m1"] && one["m1"]?.total?.pulses == 1 && one["m2"] == nil)
    }
}

@Suite struct MeasuredValuesTests {
    private static func values(_ pairs: KeyValuePairs<Measurand, MeasuredValue>, at milliseconds: Int64 = 0) -> MeasuredValues {
        pairs.reduce(into: MeasuredValues()) { $0.set($1.key, $1.value, at: WallTime(millisecondsSince1970: milliseconds)) }
    }

    private let one = values([.power: .number(Quantity(1)), .serial: .text("7"), .flow: .number(Quantity(2))])

    @Test func areTheSameInAnyOrderAndAtAnyTime() {
        let other = Self.values([.flow: .number(Quantity(2)), .power: .number(Quantity(1)), .serial: .text("7")], at: 5)
        #expect(one == other && one.count == 3 && other.reading(of: .flow)?.at == WallTime(millisecondsSince1970: 5))
        var less = other
        less.set(.flow, nil, at: WallTime(millisecondsSince1970: 6))
        less.set(.energy, nil, at: WallTime(millisecondsSince1970: 6))
        #expect(one != less && less != one && less.count == 2 && less[.flow] == nil && less[.serial] == .text("7"))
        less.set(.energy, .number(Quantity(2)), at: WallTime(millisecondsSince1970: 6))
        #expect(one != less && less != one)
    }

    @Test func areRemoved() {
        var diagnostic = one
        diagnostic.removeAll { !$0.isDiagnostic }
        #expect(diagnostic == Self.values([.serial: .text("7")]))
    }
}
