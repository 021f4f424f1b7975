import MeterProtocols
import Metering
import Publishing

extension Configuration {
    /// An optical head.
    package struct Meter: Sendable, Equatable {
        package var name: String
        package var title: String
        package var port: String
        /// `nil`: detected automatically.
        package var meterProtocol: MeterProtocol?
        /// The meter's address in the sign-on; like `wakesUp`, only for `iec62056`.
        package var address = ""
        package var wakesUp = false
        package var direction = Direction.auto
        package var read = Read.auto
        package var registers: [OBISCode] = [OBISCode(1, 8, 0), OBISCode(2, 8, 0)]
        /// The registers that are published under a name chosen by the user.
        package var named: [NamedRegister] = []
        package var every = Duration.zero
        /// In watts.
        package var maxPower: Int64 = 25_000
        package var publishEvery = Duration.seconds(5)

        /// Where the sign of the power comes from: `auto` uses what the meter is known to send, `status` always the status word.
        package enum Direction: String, Sendable, CaseIterable { case auto, status }
        package enum Read: String, Sendable, CaseIterable { case registers, readout, auto }

        package init(name: String, title: String, port: String) {
            self.name = name
            self.title = title
            self.port = port
        }
    }
}

extension Configuration.Meter {
    static let keys = ConfigurationKeys(heading: "[[meter]]", path: "meter", names: fields.map(\.name))

    static var fields: [ConfigurationField<Self>] {
        [
            ConfigurationField("name"),
            ConfigurationField("title"),
            ConfigurationField("port"),
            ConfigurationField("protocol", .meterProtocol) { $0.meterProtocol = $1 },
            ConfigurationField("address", .meterAddress) { $0.address = $1 },
            ConfigurationField("wake_up", .boolean) { $0.wakesUp = $1 },
            ConfigurationField("direction", .choice()) { $0.direction = $1 },
            ConfigurationField("read", .choice()) { $0.read = $1 },
            ConfigurationField("registers"),
            ConfigurationField("every", .duration(.zero ... .seconds(3600))) { $0.every = $1 },
            ConfigurationField("max_power", .power) { $0.maxPower = $1 },
            ConfigurationField("publish_every", .duration(.zero ... .seconds(3600))) { $0.publishEvery = $1 },
        ]
    }
}

extension ConfigurationReader {
    mutating func meter(_ section: ConfigurationSection) -> Configuration.Meter? {
        var section = section
        defer { errors += section.errors }
        let name = name(&section)
        let port = section.required("port", .serialPort, "list the heads with: ls /dev/serial/by-id/")
        var meter = Configuration.Meter(name: name ?? "", title: title(&section, name), port: port ?? "")
        if let port {
            if let other = ports[port] {
                section.refuse("port", "\(quoted(port)) is already the port of \(quoted(other)); one head reads one meter")
            }
            ports[port] = name ?? ports[port]
        }
        section.read(Configuration.Meter.fields, into: &meter)
        if let list = section.read("registers", .registers) {
            meter.registers = list.map(\.code)
            meter.named = list.filter { !$0.name.isEmpty }
            // Otherwise the register would be published to the topic of that command.
            if let name, BridgeCommand(rawValue: name) != nil, meter.named.contains(where: { $0.name == "set" }) {
                section.refuse("registers", "a meter named \(quoted(name)) can't have a register named \"set\"; expected another name")
            }
        }
        return name != nil && port != nil ? meter : nil
    }
}

extension Configuration.Meter {
    package var summary: String {
        let whose = "meter \(name) \(quoted(title)): \(port)"
        let names = named.map { "\($0.code.short) as \($0.name), " }.joined()
        let limits = "\(names)\(publishing(publishEvery)), at most \(maxPower) W"
        let language = meterProtocol.map(Language.named)
        if let language, !language.isAsked { return "\(whose), listens for \(language.title), \(limits)" }
        let registers = registers.map(\.short).joined(separator: " ")
        let what = read == .readout ? "the readout" : read == .auto ? "\(registers), or the readout" : registers
        let pace = every == .zero ? "back to back" : "every \(every.configurationText)"
        return "\(whose), \(language?.title ?? "asks by IEC 62056-21 or listens"), reads \(what) \(pace), \(limits)"
    }
}
