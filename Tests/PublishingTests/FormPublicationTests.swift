import Metering
import Publishing
import Testing

/// One reading per second, with all messages and their times.
private struct Bench {
    var publication: FormPublication
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var seconds: Int64 = 0
    var meter = MeterSnapshot(name: "grid", title: "Grid", kind: .optical)
    var sent: [(Int64, MQTTMessage)] = []

    init(hasExport: Bool = true, isConnected: Bool = true) {
        var form = FormOutput(meter: "grid", topic: "myhome/infra/power/xwwwform", deviceID: "EUI48:11:22:33:44:55:66")
        form.hasExport = hasExport
        publication = FormPublication(form)
        meter.isAvailable = true
        set(.energyImport, "33402.264")
        if hasExport { set(.energyExport, "1.999") }
        if isConnected { _ = publication.connected(now: now) }
    }

    mutating func set(_ measurand: Measurand, _ text: String) { meter.values.set(measurand, Quantity(text).map { .number($0) }) }

    mutating func read(_ watts: Int64, for duration: Int64) {
        set(.power, "\(watts)")
        for _ in 0..<duration {
            meter.readings += 1
            sent += publication.update(Snapshot(meters: [meter]), now: now).map { (seconds, $0) }
            seconds += 1
            now = now + .seconds(1)
            if let due = publication.nextDeadline, due <= now { sent += publication.tick(now: now).map { (seconds, $0) } }
        }
    }

    var times: [Int64] { sent.map(\.0) }
}

@Suite struct FormPublicationTests {
    @Test func saysItAsAForm() {
        var bench = Bench()
        bench.read(345, for: 1)
        let form = "device_id=EUI48:11:22:33:44:55:66&e_pos_act_energy_wh=33402264&e_neg_act_energy_wh=1999&e_inst_power_w=345"
        #expect(bench.sent.map(\.1) == [MQTTMessage("myhome/infra/power/xwwwform", form)])
        bench = Bench(hasExport: false)
        bench.read(-1200, for: 1)
        #expect(bench.sent.first?.1.payload.hasSuffix("&e_neg_act_energy_wh=0&e_inst_power_w=-1200") == true)
    }

    /// Whole Wh; fractions are truncated.
    @Test(arguments: [
        ("0.0001", "0"), ("0.00019", "0"), ("0.0019", "1"), ("0.00999", "9"), ("0.001", "1"), ("0.01", "10"), ("7", "7000"),
        ("1.99999", "1999"),
    ])
    func wholeWattHours(_ energy: String, _ expected: String) {
        var bench = Bench()
        bench.set(.energyExport, energy)
        bench.read(345, for: 1)
        #expect(bench.sent.first?.1.payload.hasSuffix("&e_neg_act_energy_wh=\(expected)&e_inst_power_w=345") == true)
    }

    @Test func encodesTheID() {
        var publication = FormPublication(FormOutput(meter: "grid", topic: "t", deviceID: "a b&c=d%ü+\u{1}"))
        var meter = MeterSnapshot(name: "grid", title: "Grid", kind: .optical)
        meter.isAvailable = true
        for measurand in [Measurand.energyImport, .energyExport, .power] { meter.values.set(measurand, .number(Quantity(100))) }
        _ = publication.connected(now: Instant(nanoseconds: 0))
        let payload = publication.update(Snapshot(meters: [meter]), now: Instant(nanoseconds: 0)).first?.payload
        #expect(payload?.hasPrefix("device_id=a%20b%26c%3Dd%25%C3%BC%2B%01&e_pos_act") == true)
    }

    /// Letters, digits and four marks are kept; every other character becomes a percent sign and two hex digits.
    @Test func encodesEachCharacter() {
        let id = "azAZ09-_.:`{@[/;\u{F}\u{10}"
        var publication = FormPublication(FormOutput(meter: "grid", topic: "form", deviceID: id))
        var meter = MeterSnapshot(name: "grid", title: "Grid", kind: .optical)
        meter.isAvailable = true
        for measurand in [Measurand.energyImport, .energyExport, .power] { meter.values.set(measurand, .number(Quantity(100))) }
        _ = publication.connected(now: Instant(nanoseconds: 0))
        let payload = publication.update(Snapshot(meters: [meter]), now: Instant(nanoseconds: 0)).first?.payload
        #expect(payload?.hasPrefix("device_id=azAZ09-_.:%60%7B%40%5B%2F%3B%0F%10&e_pos_act") == true)
    }

    /// The first message as soon as there is significant power.
    @Test func beginsWithTheFirstPower() {
        var bench = Bench()
        bench.read(19, for: 50)
        bench.read(20, for: 1)
        #expect(bench.times == [50])
        bench = Bench()
        bench.read(0, for: 100)
        #expect(bench.times == [90], "at the latest after a minute and a half")
    }

    @Test func saysLittlePowerEveryTwoMinutesAndMuchEveryMinute() {
        var bench = Bench()
        bench.read(399, for: 361)
        #expect(bench.times == [0, 120, 240, 360])
        bench = Bench()
        bench.read(400, for: 181)
        #expect(bench.times == [0, 60, 120, 180])
        bench = Bench()
        bench.read(-400, for: 61)
        #expect(bench.times == [0, 60])
    }

    @Test(
        arguments: [
            (300, 300, 120), (300, 181, 120), (300, 180, 25), (300, 479, 60), (300, 480, 25), (300, -1, 25), (300, 0, 25), (-300, 10, 25),
            (-300, -181, 120), (10, 7, 120), (10, 16, 25), (10, 6, 25),
        ] as [(Int64, Int64, Int64)])
    func saysAChangeSoon(before: Int64, after: Int64, seconds: Int64) {
        var bench = Bench()
        bench.read(before, for: 100)
        let last = bench.times.last ?? 0
        bench = Bench()
        bench.read(before, for: last + 1)
        bench.read(after, for: 121)
        #expect(bench.times.first { $0 > last } == last + seconds)
    }

    @Test func waitsForAllAndForTheBroker() {
        var bench = Bench(isConnected: false)
        bench.meter.values.set(.energyExport, nil)
        bench.read(300, for: 10)
        _ = bench.publication.connected(now: bench.now)
        bench.read(300, for: 100)
        #expect(bench.sent.isEmpty)
        #expect(
            bench.publication.takeRemarks() == [
                "mqtt-form: nothing is published to myhome/infra/power/xwwwform while grid has no energy_export; if the meter does not count exports, set export = false"
            ])
        bench.set(.energyExport, "1")
        bench.read(300, for: 1)
        #expect(bench.times == [110])
        bench.publication.disconnected()
        bench.read(300, for: 300)
        #expect(bench.times == [110] && bench.publication.nextDeadline == nil)
        #expect(bench.publication.connected(now: bench.now).count == 1)
        bench.meter.isAvailable = false
        bench.read(300, for: 300)
        #expect(bench.times == [110], "old values are not repeated")
    }

    @Test(arguments: [Int64.min, .max]) func survivesAnyNumber(mantissa: Int64) {
        var bench = Bench()
        bench.meter.values.set(.energyImport, .number(Quantity(mantissa, exponent: 3)))
        bench.read(300, for: 1)
        bench.set(.energyImport, "1")
        bench.meter.values.set(.power, .number(Quantity(mantissa)))
        let messages = bench.publication.update(Snapshot(meters: [bench.meter]), now: bench.now + .seconds(200))
        #expect(messages.count == (mantissa == .min ? 0 : 1))
    }
}
