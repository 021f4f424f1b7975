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
    private let one: MeasuredValues = [.power: .number(Quantity(1)), .serial: .text("7"), .flow: .number(Quantity(2))]

    @Test func areTheSameInAnyOrder() {
        let other: MeasuredValues = [.flow: .number(Quantity(2)), .power: .number(Quantity(1)), .serial: .text("7")]
        #expect(one == other && one.map { $0.key } == [.power, .serial, .flow] && one.count == 3 && !one.isEmpty)
        var less = other
        less[.flow] = nil
        less[.energy] = nil
        #expect(one != less && less != one && less.count == 2 && less[.flow] == nil && less[.serial] == .text("7"))
        less[.energy] = .number(Quantity(2))
        #expect(one != less && less != one)
        #expect(MeasuredValues().isEmpty && MeasuredValues() == [:])
    }

    @Test func areFilteredAndMerged() {
        let diagnostic = one.filter { $0.key.isDiagnostic }
        #expect(diagnostic == [.serial: .text("7")])
        var merged = one
        merged.merge([(.power, .number(Quantity(5))), (.energy, .number(Quantity(6)))]) { old, new in old }
        #expect(merged[.power] == .number(Quantity(1)) && merged[.energy] == .number(Quantity(6)))
        merged.merge([(.power, .number(Quantity(5)))]) { _, new in new }
        #expect(merged[.power] == .number(Quantity(5)) && merged.count == 4)
    }
}
