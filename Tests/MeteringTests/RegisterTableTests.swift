import Metering
import Testing

/// The published quantities and the names of registers, checked for every code: none missing, none extra.
@Suite struct RegisterTableTests {
    private static let quantities = """
        1.8.0 energy_import, 1.8.1 energy_import_t1, 1.8.2 energy_import_t2, 1.8.3 energy_import_t3, 1.8.4 energy_import_t4
        2.8.0 energy_export, 2.8.1 energy_export_t1, 2.8.2 energy_export_t2, 2.8.3 energy_export_t3, 2.8.4 energy_export_t4
        3.8.0 reactive_energy_import, 4.8.0 reactive_energy_export, 9.8.0 apparent_energy_import, 10.8.0 apparent_energy_export
        1.7.0 power_import, 2.7.0 power_export, 16.7.0 power, 36.7.0 power_l1, 56.7.0 power_l2, 76.7.0 power_l3
        32.7.0 voltage_l1, 52.7.0 voltage_l2, 72.7.0 voltage_l3, 31.7.0 current_l1, 51.7.0 current_l2, 71.7.0 current_l3
        91.7.0 current_n, 14.7.0 frequency, 13.7.0 power_factor, 33.7.0 power_factor_l1, 53.7.0 power_factor_l2
        73.7.0 power_factor_l3, 3.7.0 reactive_power_import, 4.7.0 reactive_power_export, 9.7.0 apparent_power
        0.0.0 serial, 96.1.0 serial, 0.2.0 firmware
        """

    private static let titles = """
        1.8.0 energy imported, 2.8.0 energy exported, 15.8.0 energy; import plus export, 16.8.0 energy; import minus export
        3.8.0 reactive energy +, 4.8.0 reactive energy −, 5.8.0 reactive energy; quadrant I, 6.8.0 reactive energy; quadrant II
        7.8.0 reactive energy; quadrant III, 8.8.0 reactive energy; quadrant IV, 9.8.0 apparent energy +, 10.8.0 apparent energy −
        1.7.0 power imported, 2.7.0 power exported, 15.7.0 power; absolute, 16.7.0 power; + import − export
        36.7.0 power L1, 56.7.0 power L2, 76.7.0 power L3, 32.7.0 voltage L1, 52.7.0 voltage L2, 72.7.0 voltage L3
        31.7.0 current L1, 51.7.0 current L2, 71.7.0 current L3, 91.7.0 current N, 14.7.0 frequency, 13.7.0 power factor
        3.7.0 reactive power +, 4.7.0 reactive power −, 9.7.0 apparent power, 33.7.0 power factor L1, 53.7.0 power factor L2
        73.7.0 power factor L3, 21.7.0 power imported L1, 41.7.0 power imported L2, 61.7.0 power imported L3
        22.7.0 power exported L1, 42.7.0 power exported L2, 62.7.0 power exported L3
        0.0.0 device address or property number, 0.0.9 serial number, 96.1.0 serial number, 0.2.0 firmware or configuration
        0.9.1 clock: time, 0.9.2 clock: date, 0.1.0 billing resets, 96.5.0 status word, 96.8.0 operating time, 96.7.0 power failures
        96.50.1 manufacturer, 199.130.3 manufacturer, 199.130.5 public key, 96.14.0 current tariff, 96.13.0 message to the customer
        1.0.0 clock, 1.4.0 average import demand, 81.7.1 angle of voltage L2 to L1, 81.7.2 angle of voltage L3 to L1
        81.7.4 angle of current to voltage L1, 81.7.15 angle of current to voltage L2, 81.7.26 angle of current to voltage L3
        97.97.0 error flags; 0 is none, 1.6.0 maximum import demand, 2.6.0 maximum export demand
        """

    private static func table(_ text: String) -> [String: String] {
        var table: [String: String] = [:]
        for entry in text.split(whereSeparator: { $0 == "," || $0 == "\n" }) {
            let words = entry.split(separator: " ", maxSplits: 1)
            table[String(words[0])] = String(words[1].map { $0 == ";" ? "," : $0 })
        }
        return table
    }

    private static let groups = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 50, 97, 130, 255] as [UInt8]

    /// Checks every C and D. `variable`: entries that are the same for any E.
    private func expectAll(_ table: [String: String], variable: Set<String>, _ describe: (OBISCode) -> String?) {
        for c in 0...255 as ClosedRange<UInt8> {
            for d in Self.groups {
                for e in [0, 1, 2, 3, 4, 5, 9, 15, 26] as [UInt8] {
                    let code = OBISCode(c, d, e)
                    let isVariable = variable.contains("\(c).\(d)")
                    let expected = table[code.short] ?? (isVariable ? table["\(c).\(d).0"] : nil)
                    if describe(code) != expected { Issue.record("\(code): \(describe(code) ?? "-"), not \(expected ?? "-")") }
                }
            }
        }
    }

    @Test func quantitiesOfAllRegisters() {
        var table = Self.table(Self.quantities)
        #expect(table.count == 38)
        table["97.97.0"] = "meter_error"
        expectAll(table, variable: ["97.97"]) { Measurand($0)?.rawValue }
    }

    @Test func onlyTheNewestValueOfElectricityIsPublished() {
        #expect(Measurand(OBISCode(1, 3, 1, 8, 0, 255)) == .energyImport, "any channel")
        for code in [OBISCode(1, 0, 1, 8, 0, 1), OBISCode(1, 0, 1, 8, 0, 254), OBISCode(0, 0, 1, 8, 0, 255), OBISCode(2, 0, 1, 8, 0, 255)] {
            #expect(Measurand(code) == nil, "\(code)")
        }
    }

    @Test func wordsForAllRegisters() {
        var table = Self.table(Self.titles)
        #expect(table.count == 65)
        for (code, title) in table where code.hasSuffix(".8.0") && !code.hasPrefix("96") {
            for tariff in [1, 2, 3, 4, 5, 9, 15, 26] { table["\(code.dropLast())\(tariff)"] = "\(title), tariff \(tariff)" }
        }
        expectAll(table, variable: ["96.1", "0.0", "0.2", "0.1", "96.5", "96.13", "1.6", "2.6"], \.title)
    }

    @Test(arguments: [
        ("1-0:1.8.0*7", "energy imported, billing period 7"), ("1-0:2.8.2*254", "energy exported, tariff 2, billing period 254"),
        ("1-0:1.6.1*3", "maximum import demand, billing period 3"), ("1-0:2.6.0*255", "maximum export demand"),
        ("1-0:16.7.255*255", "power, + import − export"), ("1-0:16.7.254*255", nil), ("0-0:96.1.1*255", "serial number"),
        ("0-1:24.1.0*255", "meter 1: kind"), ("0-2:24.2.1*255", "meter 2: reading"), ("0-4:24.4.0*255", "meter 4: valve"),
        ("0-1:24.3.0*255", nil), ("0-1:24.0.0*255", nil), ("1-1:24.2.1*255", nil), ("2-0:1.8.0*255", nil), ("0-0:1.0.0*255", "clock"),
        ("0-1:23.2.1*255", nil),
    ])
    func wordsForOthers(_ code: String, _ title: String?) throws {
        let code = try #require(OBISCode(code))
        #expect(code.title == title)
    }

    /// All pairs of units: the power of ten between them, in both directions.
    @Test func unitsOfOneKind() {
        let pairs: [(Unit, Unit)] = [
            (.wattHours, .kilowattHours), (.watts, .kilowatts), (.varHours, .kilovarHours), (.vars, .kilovars),
            (.voltAmpereHours, .kilovoltAmpereHours), (.voltAmperes, .kilovoltAmperes), (.litres, .cubicMetres),
        ]
        let all = pairs.flatMap { [$0.0, $0.1] } + [.volts, .amperes, .hertz, .seconds, .percent, .gigajoules, .cubicMetresPerHour]
        for one in all {
            for other in all {
                let isUp = pairs.contains { $0.0 == one && $0.1 == other }
                let isDown = pairs.contains { $0.1 == one && $0.0 == other }
                let expected = one == other ? 0 : isUp ? -3 : isDown ? 3 : nil
                #expect(one.exponent(to: other) == expected, "\(one) \(other)")
            }
        }
    }
}
