import Metering
import Publishing
import Testing

/// The messages caused by a meter that changes with every telegram, as no real meter does.
@Suite struct PublicationPaceTests {
    private static let config = "homeassistant/device/jouled_grid/config"

    /// The messages of a minute in which the meter is read ten times a second.
    private func minute(_ bench: inout PublicationBench, _ change: (inout MeterSnapshot, Int) -> Void) -> [MQTTMessage] {
        var sent: [MQTTMessage] = []
        for step in 0..<600 {
            change(&bench.meter, step)
            sent += bench.read([.energyImport: number("1.\(1000 + step)")])
            sent += bench.pass(.milliseconds(100)).map(\.1)
        }
        return sent
    }

    @Test(arguments: [DiscoveryForm.device, .components]) func aSerialThatAlternatesIsAnnouncedOnceInTenSeconds(form: DiscoveryForm) {
        var bench = PublicationBench(discovery: form)
        _ = bench.connect()
        let sent = minute(&bench) { $0.serial = $1.isMultiple(of: 2) ? "4711" : "4712" }
        let topic = form == .device ? Self.config : "homeassistant/sensor/jouled_grid/problem/config"
        let announced = sent.payloads(topic).filter { !$0.isEmpty }
        #expect((2...7).contains(announced.count), "\(announced.count)")
        #expect(sent.count < 600, "\(sent.count)")
        // In the end the last state is announced.
        let end = bench.pass(.seconds(20)).map(\.1)
        let last = (sent + end).payloads(topic).last { !$0.isEmpty }
        #expect(last?.contains("jouled_4712") == true)
    }

    @Test func aProblemThatAlternatesIsSaidTwiceInTenSeconds() {
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        let sent = minute(&bench) { meter, step in
            meter.problem = step.isMultiple(of: 2) ? "\(step)" : nil
            meter.isAvailable = !step.isMultiple(of: 3)
        }
        #expect((10...14).contains(sent.payloads("jouled/grid/problem").count), "\(sent.payloads("jouled/grid/problem"))")
        #expect((10...14).contains(sent.payloads("jouled/grid/availability").count))
        bench.meter.problem = "the newest"
        bench.meter.isAvailable = false
        let end = bench.update() + bench.pass(.seconds(10)).map(\.1)
        #expect(end.payloads("jouled/grid/problem") == ["the newest"])
        #expect((sent + end).payloads("jouled/grid/availability").last == "offline")
    }

    /// A brief problem is published immediately when it appears and when it disappears.
    @Test func troubleAndItsEndAreNotPaced() {
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        #expect(bench.update().payloads("jouled/grid/problem") == ["none"])
        bench.wait(.seconds(30))
        bench.meter.problem = "no such device"
        #expect(bench.update().payloads("jouled/grid/problem") == ["no such device"])
        bench.wait(.milliseconds(100))
        bench.meter.problem = nil
        #expect(bench.update().payloads("jouled/grid/problem") == ["none"])
    }

    /// A new connection starts from nothing, so recently sent messages are repeated.
    @Test func aNewConnectionDoesNotWait() {
        var bench = PublicationBench(discovery: .device)
        _ = bench.connect()
        for step in 0..<8 {
            bench.meter.problem = "\(step)"
            _ = bench.read([.power: number("100")])
        }
        bench.publication.disconnected()
        let all = bench.connect()
        #expect(all.payloads("jouled/grid/problem") == ["7"])
        #expect(all.payloads(Self.config).count == 1)
    }

    @Test func aBirthIsAnsweredOnceInTenSeconds() {
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energyImport: number("1.000")])
        bench.wait(.seconds(60))
        var sent: [MQTTMessage] = []
        for _ in 0..<6000 {
            bench.publication.homeAssistantStarted(now: bench.now)
            sent += bench.pass(.milliseconds(10)).map(\.1)
        }
        #expect((5...7).contains(sent.payloads("jouled/status").count), "\(sent.payloads("jouled/status").count)")
        // The last birth message was answered.
        #expect(bench.pass(.seconds(11)).map(\.1).payloads("jouled/status").count <= 1)
        bench.publication.homeAssistantStarted(now: bench.now)
        #expect(bench.pass(.seconds(11)).map(\.1).payloads("jouled/status") == ["online"])
    }

    @Test func aCleanEndTakesTheMetersOffline() {
        var bench = PublicationBench()
        bench.others = [MeterSnapshot(name: "heat", title: "Heat pump", kind: .pulse(.electricity))]
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energyImport: number("1.000")])
        let last = bench.publication.farewell(now: bench.now)
        #expect(last.map(\.topic) == ["jouled/grid/availability", "jouled/status"], "the other one was never online")
        #expect(last.allSatisfy { $0.payload == "offline" && $0.retain && $0.qos == 1 })
        // A new connection publishes the current state.
        bench.publication.disconnected()
        #expect(bench.publication.connected(now: bench.now).payloads("jouled/grid/availability") == ["online"])
    }
}
