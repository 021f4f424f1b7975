import Metering
import Publishing
import Testing

/// The publication with a manual clock, checked against Domoticz's rules.
private struct Bench {
    var publication: DomoticzPublication
    var rules: DomoticzRules
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var grid = MeterSnapshot(name: "grid", title: "Grid", kind: .optical)
    var pump = MeterSnapshot(name: "pump", title: "Pump", kind: .pulse(.electricity))
    var water = MeterSnapshot(name: "water", title: "Water", kind: .pulse(.water), volumeUnit: .litres)
    var gas = MeterSnapshot(name: "grid_gas", title: "Gas", kind: .sub(.gas), volumeUnit: .cubicMetres)

    init(_ devices: DomoticzDevice..., isConnected: Bool = true) {
        var gateway = DomoticzGateway()
        gateway.devices = devices
        publication = DomoticzPublication(gateway)
        rules = DomoticzRules(devices)
        grid.isAvailable = true
        pump.isAvailable = true
        water.isAvailable = true
        gas.isAvailable = true
        if isConnected { _ = publication.connected(now: now) }
    }

    /// The messages sent immediately.
    mutating func read(_ values: [Measurand: String]) -> [String] {
        for (measurand, text) in values { grid.values.set(measurand, number(text)) }
        grid.readings += 1
        return update()
    }

    mutating func update() -> [String] {
        payloads(publication.update(Snapshot(meters: [grid, gas, pump, water]), now: now))
    }

    /// The messages sent meanwhile, with seconds since the beginning.
    mutating func pass(_ seconds: Int64) -> [(Int64, String)] {
        let (begin, end) = (now, now + .seconds(seconds))
        var sent: [(Int64, String)] = []
        while let due = publication.nextDeadline, due <= end {
            now = max(now, due)
            let at = (now - begin).components.seconds
            sent += payloads(publication.tick(now: now)).map { (at, $0) }
        }
        now = end
        return sent
    }

    mutating func payloads(_ messages: [MQTTMessage]) -> [String] {
        rules.check(messages)
        return messages.map(\.payload)
    }
}

private func numbers(_ values: [Measurand: String]) -> MeasuredValues {
    values.reduce(into: MeasuredValues()) { $0.set($1.key, number($1.value)) }
}

private func udevice(_ idx: Int, _ svalue: String) -> String {
    #"{"command":"udevice","idx":\#(idx),"nvalue":0,"svalue":"\#(svalue)"}"#
}

private let p1 = DomoticzDevice(idx: 7, meter: "grid", kind: .p1)

@Suite struct DomoticzTests {
    @Test func aP1LineIsSixWholeNumbers() {
        var bench = Bench(p1)
        #expect(bench.read([.energyImport: "33402.264", .energyExport: "1.999", .power: "345"]) == [udevice(7, "33402264;0;1999;0;345;0")])
        bench.now = bench.now + .seconds(10)
        #expect(bench.read([.energyImport: "33402.2649", .power: "-1200.9"]) == [udevice(7, "33402264;0;1999;0;0;1200")])
        bench.now = bench.now + .seconds(10)
        #expect(bench.read([.energyImport: "33403", .power: "-0.4"]) == [udevice(7, "33403000;0;1999;0;0;0")])
        #expect(bench.rules.broken == [])
    }

    @Test func tariffsHavePlacesOfTheirOwn() {
        var device = p1
        device.hasTariffs = true
        var bench = Bench(device)
        #expect(bench.read([.energyImport: "3.003", .energyImportT1: "1.001", .energyImportT2: "2.002", .power: "5"]) == [])
        let line = udevice(7, "1001;2002;3003;4004;5;0")
        #expect(bench.read([.energyExportT1: "3.003", .energyExportT2: "4.004"]) == [], "ten seconds after the last try")
        #expect(bench.pass(10).map(\.1) == [line])
        device.hasExport = false
        bench = Bench(device)
        #expect(bench.read([.energyImportT1: "1.001", .energyImportT2: "2.002", .power: "5"]) == [udevice(7, "1001;2002;0;0;5;0")])
        #expect(bench.rules.broken == [])
    }

    /// An incomplete line would spoil the history, so nothing is sent, which is remarked once.
    @Test(arguments: [Measurand.energyImport, .energyExport, .power]) func waitsForEveryPart(missing: Measurand) {
        var bench = Bench(p1)
        var values: [Measurand: String] = [.energyImport: "1.000", .energyExport: "2.000", .power: "3"]
        let last = values.removeValue(forKey: missing)
        #expect(bench.read(values) == [])
        for _ in 0..<300 {
            #expect(bench.pass(1).isEmpty)
            #expect(bench.read(values) == [])
        }
        let advice = missing == .energyExport ? "; if the meter does not count exports, set export = false" : ""
        #expect(bench.publication.takeRemarks() == ["domoticz: nothing is sent to idx 7 while grid has no \(missing.rawValue)\(advice)"])
        values[missing] = last
        _ = bench.read(values)
        _ = bench.pass(10)
        #expect(bench.rules.lines["7"] == "1000;0;2000;0;3;0")
        #expect(bench.publication.takeRemarks() == [])
        #expect(bench.rules.broken == [])
    }

    /// A minute without any reading causes one wake-up for the remark, and no more.
    @Test func complainsByItself() {
        var bench = Bench(p1)
        _ = bench.read([.power: "3"])
        #expect(bench.pass(600).isEmpty)
        #expect(bench.publication.takeRemarks().count == 1)
        #expect(bench.publication.nextDeadline == nil)
    }

    @Test func eachKindHasItsForm() {
        var kwh = DomoticzDevice(idx: 2, meter: "grid", kind: .kwh)
        kwh.quantity = .energyExport
        var phase = DomoticzDevice(idx: 5, meter: "grid", kind: .usage)
        phase.quantity = .powerL2
        var frequency = DomoticzDevice(idx: 10, meter: "grid", kind: .custom)
        frequency.quantity = .frequency
        var bench = Bench(
            DomoticzDevice(idx: 1, meter: "pump", kind: .kwh), kwh, DomoticzDevice(idx: 3, meter: "grid", kind: .kwh),
            DomoticzDevice(idx: 4, meter: "grid", kind: .usage), phase, DomoticzDevice(idx: 6, meter: "grid_gas", kind: .p1Gas),
            DomoticzDevice(idx: 7, meter: "water", kind: .counter), DomoticzDevice(idx: 8, meter: "pump", kind: .counter),
            DomoticzDevice(idx: 9, meter: "grid", kind: .voltage), frequency, DomoticzDevice(idx: 11, meter: "grid", kind: .current),
            DomoticzDevice(idx: 12, meter: "grid", kind: .current3))
        bench.pump.values = numbers([.energy: "8012.5009", .power: "1499.6", .pulses: "77"])
        bench.water.values = numbers([.volume: "77125"])
        bench.gas.values = numbers([.volume: "2047.1239"])
        let sent = bench.read([
            .energyImport: "33402.264", .energyExport: "12.3", .power: "-345", .powerL2: "-17.5", .voltageL1: "229.8", .frequency: "49.98",
            .currentL1: "1.52", .currentL2: "0.1", .currentL3: "12",
        ])
        let expected = [
            udevice(1, "1499;8012500"), udevice(2, "345;12300"), udevice(3, "-345;33402264"), udevice(4, "-345"), udevice(5, "-17"),
            udevice(6, "2047123"), udevice(7, "77125"), udevice(8, "8012500"), udevice(9, "229.8"), udevice(10, "49.98"),
            udevice(11, "1.52"), udevice(12, "1.52;0.1;12"),
        ]
        #expect(sent == expected)
        #expect(bench.rules.broken == [])
    }

    @Test func keepsItsPace() {
        var bench = Bench(p1)
        _ = bench.read([.energyImport: "1.000", .energyExport: "2.000", .power: "3"])
        bench.now = bench.now + .seconds(1)
        #expect(bench.read([.power: "4"]) == [])
        bench.now = bench.now + .seconds(1)
        #expect(bench.read([.power: "5"]) == [])
        #expect(bench.pass(8).map(\.0) == [8], "the newest, ten seconds after the first")
        #expect(bench.rules.lines["7"] == "1000;0;2000;0;5;0")
        // An unchanged value is repeated every five minutes, for Domoticz's history.
        #expect(bench.pass(900).map(\.0) == [300, 600, 900])
        bench.grid.isAvailable = false
        _ = bench.update()
        #expect(bench.pass(3600).isEmpty, "a meter that is not read says nothing")
        #expect(bench.publication.nextDeadline == nil)
    }

    @Test func saysAllAtEveryConnect() {
        var bench = Bench(p1, isConnected: false)
        #expect(bench.read([.energyImport: "1.000", .energyExport: "2.000", .power: "3"]) == [])
        #expect(bench.publication.nextDeadline == nil)
        #expect(bench.payloads(bench.publication.connected(now: bench.now)) == [udevice(7, "1000;0;2000;0;3;0")])
        bench.publication.disconnected()
        #expect(bench.read([.power: "4"]) == [])
        #expect(bench.payloads(bench.publication.connected(now: bench.now)) == [udevice(7, "1000;0;2000;0;4;0")])
        #expect(bench.read([.power: "9"]) == [])
        #expect(bench.payloads(bench.publication.farewell(now: bench.now)) == [udevice(7, "1000;0;2000;0;9;0")])
        #expect(bench.payloads(bench.publication.farewell(now: bench.now)) == [])
    }

    @Test func aCounterFallsOnlyWhereItShould() {
        var bench = Bench(p1, DomoticzDevice(idx: 8, meter: "pump", kind: .counter))
        var total = PulseTotal(pulses: 12_000, pulsesPerUnit: Quantity(1000))
        bench.pump.total = total
        bench.pump.values = numbers([.energy: "12.000"])
        bench.grid.serial = "4711"
        _ = bench.read([.energyImport: "1000.000", .energyExport: "2.000", .power: "3"])
        for _ in 0..<40 {
            bench.now = bench.now + .seconds(10)
            bench.pump.values = numbers([.energy: "11.999"])
            #expect(bench.read([.energyImport: "999.999"]) == [])
            #expect(bench.publication.nextDeadline.map { $0 > bench.now } == true, "and it does not spin")
        }
        #expect(bench.rules.broken == [])
        // Another meter at the head, and a corrected total: the lower values are sent although Domoticz's rules forbid them.
        bench.grid.serial = "4712"
        total.set(Quantity(5), at: WallTime(millisecondsSince1970: 0))
        bench.pump.total = total
        bench.pump.values = numbers([.energy: "5.000"])
        bench.now = bench.now + .seconds(10)
        #expect(bench.read([.energyImport: "3.000"]) == [udevice(7, "3000;0;2000;0;3;0"), udevice(8, "5000")])
    }

    private static let powers: [(Measurand?, String, String)] = [
        (nil, "-345", "-345;1000"), (nil, "345", "345;1000"), (.energyImport, "345", "345;1000"), (.energyImport, "-345", "0;1000"),
        (.energyExport, "-345", "345;2000"), (.energyExport, "345", "0;2000"), (.energyImport, "0", "0;1000"),
    ]

    /// For a counter of one direction, the power in that direction.
    @Test(arguments: powers) func powerInTheDirectionOfItsCounter(_ quantity: Measurand?, _ power: String, _ expected: String) {
        var device = DomoticzDevice(idx: 2, meter: "grid", kind: .kwh)
        device.quantity = quantity
        var bench = Bench(device)
        #expect(bench.read([.energyImport: "1.000", .energyExport: "2.000", .power: power]) == [udevice(2, expected)])
    }

    /// A negative counter is not sent; zero is.
    @Test func noCounterIsNegative() {
        var bench = Bench(p1, DomoticzDevice(idx: 3, meter: "grid", kind: .counter))
        #expect(bench.read([.energyImport: "-0.001", .energyExport: "2.000", .power: "3"]) == [])
        bench.now = bench.now + .seconds(10)
        #expect(bench.read([.energyImport: "0.000"]) == [udevice(7, "0;0;2000;0;3;0"), udevice(3, "0")])
    }

    private static let missing: [(DomoticzDevice.Kind, String)] = [
        (.counter, "energy"), (.kwh, "power, energy"), (.p1Gas, "volume"), (.usage, "power"), (.voltage, "voltage_l1"),
        (.current, "current_l1"), (.current3, "current_l1, current_l2, current_l3"),
    ]

    /// What each kind reports as missing if the meter doesn't send it, to the second.
    @Test(arguments: missing) func saysWhatIsMissing(_ kind: DomoticzDevice.Kind, _ names: String) {
        var bench = Bench(DomoticzDevice(idx: 5, meter: "grid", kind: kind))
        #expect(bench.read([.frequency: "50"]) == [] && bench.publication.nextDeadline == bench.now + .seconds(60))
        bench.now = bench.now + .milliseconds(59_999)
        #expect(bench.payloads(bench.publication.tick(now: bench.now)) == [] && bench.publication.takeRemarks() == [])
        #expect(bench.pass(1).isEmpty)
        #expect(bench.publication.takeRemarks() == ["domoticz: nothing is sent to idx 5 while grid has no \(names)"])
        #expect(bench.publication.takeRemarks() == [] && bench.publication.nextDeadline == nil)
    }

    /// A custom sensor without a quantity sends nothing and doesn't crash.
    @Test func aCustomSensorWithoutAQuantityIsSilent() {
        var bench = Bench(DomoticzDevice(idx: 5, meter: "grid", kind: .custom))
        #expect(bench.read([.power: "3"]) == [] && bench.pass(1000).isEmpty)
    }

    /// Two devices of one meter have separate intervals, and the earlier one is the deadline.
    @Test func theNextDeviceIsTheDeadline() {
        var bench = Bench(p1, DomoticzDevice(idx: 1, meter: "pump", kind: .counter), DomoticzDevice(idx: 2, meter: "water", kind: .counter))
        let start = bench.now
        bench.pump.isAvailable = false
        _ = bench.read([.energyImport: "1.000", .energyExport: "2.000", .power: "3"])
        bench.now = start + .seconds(4)
        bench.pump.isAvailable = true
        bench.pump.values = numbers([.energy: "1.000"])
        #expect(bench.update() == [udevice(1, "1000")])
        bench.now = start + .seconds(6)
        bench.pump.values = numbers([.energy: "1.001"])
        _ = bench.read([.power: "4"])
        #expect(bench.publication.nextDeadline == start + .seconds(10))
        let sent = bench.pass(20)
        #expect(sent.map(\.0) == [4, 8] && sent.map(\.1) == [udevice(7, "1000;0;2000;0;4;0"), udevice(1, "1001")])
        #expect(bench.publication.nextDeadline == start + .seconds(60), "water has nothing to say, which is said after a minute")
    }

    /// A value that changes back to the published one is not sent again; one that falls and rises again is.
    @Test func whatWasSaidIsNotSaidAgain() {
        var bench = Bench(p1)
        _ = bench.read([.energyImport: "1.000", .energyExport: "2.000", .power: "3"])
        bench.now = bench.now + .seconds(10)
        #expect(bench.read([.power: "3"]) == [])
        bench.now = bench.now + .seconds(289)
        #expect(bench.read([.power: "3"]) == [], "299 seconds after the last")
        bench.now = bench.now + .seconds(1)
        #expect(bench.payloads(bench.publication.tick(now: bench.now)) == [])
        #expect(bench.pass(9).map(\.0) == [9], "ten seconds after it was looked at last")
    }

    /// Numbers of any size and sign, as a hostile meter may send them.
    @Test(arguments: [Int64.min, -1, 0, .max], [-18, -3, 0, 18]) func survivesAnyNumber(mantissa: Int64, exponent: Int) {
        var bench = Bench(
            p1, DomoticzDevice(idx: 1, meter: "grid", kind: .kwh), DomoticzDevice(idx: 2, meter: "grid", kind: .usage),
            DomoticzDevice(idx: 3, meter: "grid", kind: .counter))
        let number = MeasuredValue.number(Quantity(mantissa, exponent: exponent))
        bench.grid.values = [.energyImport: number, .energyExport: number, .power: number]
        bench.grid.readings += 1
        _ = bench.update()
        #expect(bench.rules.broken == [])
    }
}
