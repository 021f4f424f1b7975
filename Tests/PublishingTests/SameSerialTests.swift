import HomeAssistant
import Metering
import Publishing
import Testing

/// Two meters, or one with two heads, with the same serial number.
@Suite struct SameSerialTests {
    private static let warning = "grid and solar have the same serial number"

    private func solar(_ serial: String?, readings: Int = 1) -> MeterSnapshot {
        var meter = MeterSnapshot(name: "solar", title: "Solar meter", kind: .optical)
        meter.serial = serial
        meter.isAvailable = true
        meter.readings = readings
        meter.values.set(.power, number("5"))
        return meter
    }

    private func ids(_ bench: PublicationBench) -> [String] {
        bench.homeAssistant.entities.keys.filter { $0.hasSuffix("_power") }.sorted()
    }

    private static let apart = ["sensor jouled_4711.grid_power", "sensor jouled_4711.solar_power"]

    @Test(arguments: [DiscoveryForm.device, .components], [false, true])
    func areToldApartWhicheverComesFirst(form: DiscoveryForm, isOtherFirst: Bool) {
        var bench = PublicationBench(discovery: form)
        _ = bench.connect()
        if isOtherFirst {
            bench.meter.serial = nil
            bench.others = [solar("4711")]
        }
        _ = bench.read([.power: number("1")])
        #expect(ids(bench) == ["sensor jouled_4711_power"] && bench.publication.takeRemarks() == [])
        _ = bench.pass(.seconds(100))
        bench.meter.serial = "4711"
        bench.others = [solar("4711", readings: 2)]
        _ = bench.read([.power: number("1")])
        let remarks = bench.publication.takeRemarks()
        #expect(remarks.count == 1 && remarks.first?.hasPrefix(Self.warning) == true)
        // The meter announced under the plain number is removed, and announced again with its name.
        _ = bench.pass(.seconds(100))
        #expect(ids(bench) == Self.apart && bench.homeAssistant.complaints == [])
        #expect(bench.homeAssistant.restarted().entities.keys.sorted() == bench.homeAssistant.entities.keys.sorted())
        // Nothing more is remarked.
        _ = bench.read([.power: number("2")])
        _ = bench.pass(.seconds(100))
        #expect(ids(bench) == Self.apart && bench.publication.takeRemarks() == [])
        #expect(bench.publication.announcements.count == 3)
    }

    @Test(arguments: [false, true]) func theNextLifeNeedsNotLearnItAgain(isOtherFirst: Bool) {
        var bench = PublicationBench(discovery: .device)
        bench.others = [solar("4711")]
        _ = bench.connect()
        _ = bench.read([.power: number("1")])
        var next = PublicationBench(discovery: .device)
        next.homeAssistant = bench.homeAssistant
        next.publication.remember(bench.publication.announcements)
        // One of them is read some time before the other.
        next.others = [solar(isOtherFirst ? "4711" : nil)]
        next.meter.serial = isOtherFirst ? nil : "4711"
        _ = next.connect()
        _ = next.read([.power: number("1")])
        _ = next.pass(.seconds(100))
        next.others = [solar("4711", readings: 2)]
        next.meter.serial = "4711"
        _ = next.read([.power: number("1")])
        _ = next.pass(.seconds(100))
        #expect(ids(next) == Self.apart && next.homeAssistant.deleted == [] && next.homeAssistant.complaints == [])
    }

    @Test func oneThatIsExchangedGivesTheOtherItsIdentityBack() {
        var bench = PublicationBench(discovery: .device)
        bench.others = [solar("4711")]
        _ = bench.connect()
        _ = bench.read([.power: number("1")])
        _ = bench.publication.takeRemarks()
        bench.others = [solar("4712", readings: 2)]
        _ = bench.read([.power: number("1")])
        _ = bench.pass(.seconds(100))
        #expect(ids(bench) == ["sensor jouled_4711_power", "sensor jouled_4712_power"] && bench.homeAssistant.complaints == [])
        #expect(bench.publication.takeRemarks() == [])
    }

    /// In an identifier both numbers would look the same.
    @Test func numbersThatOnlyLookDifferentAreToldApart() {
        var bench = PublicationBench(discovery: .device)
        bench.meter.serial = "1 2"
        bench.others = [solar("1:2")]
        _ = bench.connect()
        _ = bench.read([.power: number("1")])
        #expect(ids(bench) == ["sensor jouled_1_2.grid_power", "sensor jouled_1_2.solar_power"])
    }

    /// A serial number may equal the name of another meter.
    @Test func aNumberLikeANameIsToldApart() {
        var bench = PublicationBench(discovery: .device)
        bench.meter.serial = "washer"
        var washer = MeterSnapshot(name: "washer", title: "Washer", kind: .pulse(.electricity))
        washer.values.set(.power, number("5"))
        washer.isAvailable = true
        bench.others = [washer]
        _ = bench.connect()
        _ = bench.read([.power: number("1")])
        #expect(ids(bench) == ["sensor jouled_washer.grid_power", "sensor jouled_washer_power"] && bench.homeAssistant.complaints == [])
    }

    @Test func aCheckSaysIt() {
        let serials = [("solar", "4711"), ("washer", "1"), ("grid", "4711"), ("a", "1 2"), ("b", "1:2")].map { (meter: $0.0, serial: $0.1) }
        let warnings = sameSerialWarnings(serials)
        #expect(warnings.count == 2 && warnings[0].hasPrefix("a and b have") && warnings[1].hasPrefix(Self.warning))
        #expect(sameSerialWarnings(Array(serials.prefix(2))) == [])
    }

    @Test func metersOfTheirOwnNumbersStayAsTheyAre() {
        var bench = PublicationBench(discovery: .device)
        bench.others = [solar("4712"), solar(nil)]
        bench.others[1].name = "roof"
        _ = bench.connect()
        for _ in 0..<4 {
            bench.others[1].readings += 1
            _ = bench.read([.power: number("1")])
        }
        #expect(ids(bench) == ["sensor jouled_4711_power", "sensor jouled_4712_power", "sensor jouled_roof_power"])
        #expect(bench.publication.takeRemarks() == [])
    }

    /// The serial number arrives long after everything else has been announced.
    @Test func areToldApartBeforeTheyAreAnnounced() {
        var bench = PublicationBench(discovery: .device)
        bench.others = [solar("4711")]
        bench.meter.serial = nil
        _ = bench.connect()
        for _ in 0..<4 {
            _ = bench.read([.power: number("1")])
            _ = bench.pass(.seconds(100))
        }
        #expect(ids(bench) == ["sensor jouled_4711_power", "sensor jouled_grid_power"])
        bench.meter.serial = "4711"
        let messages = bench.read([.power: number("1")])
        #expect(bench.publication.takeRemarks().count == 1)
        #expect(!messages.contains { $0.payload.contains("jouled_4711_") }, "never under the number alone")
        _ = bench.pass(.seconds(100))
        #expect(ids(bench) == Self.apart && bench.homeAssistant.complaints == [])
    }
}
