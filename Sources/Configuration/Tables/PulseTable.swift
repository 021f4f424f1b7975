import MeterProtocols
import Metering

extension Configuration {
    /// An S0 input.
    package struct Pulse: Sendable, Equatable {
        package var name: String
        package var title: String
        package var line: Line
        package var activeEdge = Edge.Direction.falling
        package var bias = Bias.pullUp
        package var pulsesPerUnit = Quantity(1000)
        package var unit = Unit.kilowattHours
        package var medium = Medium.electricity
        package var minPulse = Duration.milliseconds(20)
        package var publishEvery = Duration.seconds(5)
        /// The optical meter whose light this input counts: the light gives the timing, the meter's registers give direction and totals.
        package var of: String?

        package enum Line: Sendable, Hashable { case name(String), offset(Int, chip: String) }
        package enum Bias: String, Sendable, CaseIterable { case pullUp = "pull-up", pullDown = "pull-down", disabled, asIs = "as-is" }

        package init(name: String, title: String, line: Line) {
            self.name = name
            self.title = title
            self.line = line
        }
    }
}

extension Configuration.Pulse.Line: CustomStringConvertible {
    package var description: String {
        switch self {
        case .name(let name): name
        case .offset(let offset, let chip): "\(chip) \(offset)"
        }
    }
}

extension Configuration.Pulse {
    static let keys = ConfigurationKeys(heading: "[[pulse]]", path: "pulse", names: fields.map(\.name))

    static var fields: [ConfigurationField<Self>] {
        [
            ConfigurationField("name"),
            ConfigurationField("title"),
            ConfigurationField("line"),
            ConfigurationField("chip"),
            ConfigurationField("offset"),
            ConfigurationField("edge", .choice([("falling", .falling), ("rising", .rising)])) { $0.activeEdge = $1 },
            ConfigurationField("bias", .choice()) { $0.bias = $1 },
            ConfigurationField("pulses_per_unit", .pulsesPerUnit) { $0.pulsesPerUnit = $1 },
            ConfigurationField("unit"),
            ConfigurationField("medium"),
            ConfigurationField("min_pulse", .duration(.milliseconds(1) ... .seconds(10))) { $0.minPulse = $1 },
            ConfigurationField("publish_every", .duration(.zero ... .seconds(3600))) { $0.publishEvery = $1 },
            ConfigurationField("of"),
        ]
    }
}

extension ConfigurationReader {
    mutating func pulse(_ section: ConfigurationSection) -> Configuration.Pulse? {
        var section = section
        defer { errors += section.errors }
        let name = name(&section)
        let line = line(&section)
        var pulse = Configuration.Pulse(name: name ?? "", title: title(&section, name), line: line ?? .name(""))
        if let line {
            let key = section.has("line") ? "line" : "offset"
            if let other = lines[line] { section.refuse(key, "\(line) is already the line of \(quoted(other))") }
            lines[line] = name ?? lines[line]
        }
        section.read(Configuration.Pulse.fields, into: &pulse)
        (pulse.unit, pulse.medium) = unitAndMedium(&section, default: pulse)
        pulse.of = light(&section, pulse)
        return name != nil && line != nil ? pulse : nil
    }

    private mutating func light(_ section: inout ConfigurationSection, _ pulse: Configuration.Pulse) -> String? {
        guard let meter = section.read("of", .name) else { return nil }
        if !meterNames.contains(meter) {
            section.refuse("of", "no [[meter]] named \(quoted(meter)); expected the meter whose light this is")
        }
        if pulse.medium != .electricity { section.refuse("of", "only an electricity meter has such a light; expected unit = \"kWh\"") }
        if let other = lights[meter] { section.refuse("of", "\(quoted(other)) is already the light of \(quoted(meter))") }
        lights[meter] = pulse.name
        return meter
    }

    private func line(_ section: inout ConfigurationSection) -> Configuration.Pulse.Line? {
        if section.has("line") {
            for key in ["chip", "offset"] where section.has(key) {
                section.refuse(key, "either pulse.line, or pulse.chip with pulse.offset, not both")
            }
            if case .integer(let number)? = section.table["line"]?.value.content {
                section.refuse("line", "\(number.prefix(40)) is a number; did you mean \"GPIO\(number.prefix(40))\"?")
                return nil
            }
            return section.read("line", .line("GPIO17", upTo: 32)).map { .name($0) }
        }
        guard section.has("chip") || section.has("offset") else {
            section.refuse("line", "missing; expected e.g. \"GPIO17\", or chip = \"/dev/gpiochip0\" with offset = 17")
            return nil
        }
        let chip = section.required("chip", .path("/dev/gpiochip0"), "expected e.g. \"/dev/gpiochip0\" together with offset")
        let offset = section.required("offset", .integer(0...1023), "expected e.g. 17 together with chip")
        guard let chip, let offset else { return nil }
        return .offset(offset, chip: chip)
    }

    private func unitAndMedium(_ section: inout ConfigurationSection, default pulse: Configuration.Pulse) -> (Unit, Medium) {
        let units: [Unit] = [.kilowattHours, .cubicMetres, .litres]
        let unit = section.read("unit", .choice(units.map { ($0.rawValue, $0) }))
        let medium: Medium? = section.read("medium", .choice())
        guard unit != nil || !section.has("unit"), medium != nil || !section.has("medium") else { return (pulse.unit, pulse.medium) }
        switch (unit ?? pulse.unit, medium) {
        case (.kilowattHours, nil): return (.kilowattHours, pulse.medium)
        case (.kilowattHours, .electricity?), (.kilowattHours, .heat?): break
        case (.kilowattHours, .some(let medium)):
            section.refuse("medium", "\"\(medium.rawValue)\" is not counted in kWh; expected unit = \"m³\" or unit = \"L\"")
        case (let unit, nil):
            section.refuse(
                "medium", at: section.position(of: "unit"),
                "missing; what is measured in \(unit.rawValue)? expected medium = \"gas\" or \"water\"")
        case (let unit, .gas?), (let unit, .water?):
            // 1000 pulses per kWh are common, so that is the default; for volumes there is no common number.
            if !section.has("pulses_per_unit") {
                section.refuse("pulses_per_unit", "missing; expected the number printed on the meter, e.g. 100 pulses per \(unit.rawValue)")
            }
        case (let unit, .some(let medium)):
            section.refuse("medium", "\"\(medium.rawValue)\" is not counted in \(unit.rawValue); expected unit = \"kWh\"")
        }
        return (unit ?? pulse.unit, medium ?? pulse.medium)
    }
}

extension Configuration.Pulse {
    package var summary: String {
        let input =
            "\(line), \(activeEdge == .falling ? "falling" : "rising") edge, bias \(bias.rawValue), min_pulse \(minPulse.configurationText)"
        if let of { return "pulse \(name): the light of \(of), \(input), \(pulsesPerUnit) per \(unit.rawValue)" }
        return
            "pulse \(name) \(quoted(title)): \(input), \(pulsesPerUnit) per \(unit.rawValue) of \(medium.rawValue), \(publishing(publishEvery))"
    }
}
