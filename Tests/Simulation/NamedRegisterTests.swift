import Configuration
import HomeAssistant
import MeterDaemon
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// The complete daemon with registers named in the configuration.
@Suite struct NamedRegisterTests {
    private func house(_ kind: VirtualPushMeter.Kind?, _ named: [(OBISCode, String)], after first: SimulatedHouse? = nil) -> SimulatedHouse
    {
        let house = SimulatedHouse(seed: 41, profile: .steady(watts: 1_800), pushing: kind)
        house.configuration.meters[0].registers += named.map(\.0)
        house.configuration.meters[0].named = named.map { NamedRegister($0, name: $1) }
        if let first {
            house.announcements.announcements = first.announcements.announcements
            house.broker.inherit(first.broker)
        }
        house.start()
        house.run(for: .seconds(60))
        return house
    }

    private func entities(_ house: SimulatedHouse, _ name: String) -> [DiscoveredEntity] {
        house.broker.homeAssistant.entities.values.map(\.config).filter { $0.key == name }
    }

    @Test func ofAnME162() throws {
        // The register is not in the readout, only in the session.
        let first = house(nil, [(OBISCode(15, 8, 0), "energy_both"), (OBISCode(96, 7, 21), "nothing")])
        let value = try #require(Quantity(first.value("grid/energy_both") ?? ""))
        let imported = try #require(Quantity(first.value("grid/energy_import") ?? ""))
        let exported = try #require(Quantity(first.value("grid/energy_export") ?? ""))
        let sum = try #require(Quantity.adding(imported, exported))
        #expect(value.exponent == -3 && (value.approximate - sum.approximate).magnitude < 0.01)
        #expect(first.value("grid/nothing") == nil)
        #expect(entities(first, "energy_both").first?.isNumeric == true)
        first.stop()

        // The next process waits for the register, and doesn't delete its entity.
        let second = house(nil, [(OBISCode(15, 8, 0), "energy_both")], after: first)
        #expect(second.broker.homeAssistant.deleted == [] && entities(second, "energy_both").count == 1)
        second.stop()

        let third = house(nil, [], after: second)
        #expect(third.broker.homeAssistant.deleted == ["sensor jouled_28342193_energy_both"])
        #expect(third.value("grid/energy_both") == "" && third.value("grid/power") != nil)
    }

    @Test func ofP1AndSML() {
        let port = house(.p1, [(OBISCode(0, 0, 96, 14, 0, 255), "tariff"), (OBISCode(0, 1, 24, 2, 1, 255), "gas_reading")])
        #expect(port.value("grid/tariff") == "0001" && port.value("grid/gas_reading") == "981.443")
        #expect(port.value("grid_gas/volume") == "981.443")
        #expect(entities(port, "tariff").first?.isNumeric == false && entities(port, "gas_reading").first?.isNumeric == true)
        let json = port.broker.published.last { $0.message.topic == "jouled/grid/json" }?.message.payload
        #expect(json?.hasSuffix(#""tariff":"0001","gas_reading":981.443}"#) == true)
        let head = house(.sml, [(OBISCode(1, 0, 96, 50, 1, 1), "maker")])
        #expect(head.value("grid/maker") == "VRT" && entities(head, "maker").count == 1)
    }
}
