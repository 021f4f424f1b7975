import MeterProtocols
import Metering
import Publishing

extension Configuration.Meter {
    /// The configuration of the `meter`th meter found, whose protocol and totals are known.
    package init(found meter: Int, port: String, speaking meterProtocol: MeterProtocol, registers: [Register] = []) {
        let name = meter == 1 ? "grid" : "grid\(meter)"
        self.init(name: name, title: "", port: port)
        self.meterProtocol = meterProtocol
        guard Language.named(meterProtocol).isAsked else { return }
        let totals = [UInt8(1), 2].flatMap { Self.totals(of: $0, in: registers) }
        if !totals.isEmpty { self.registers = totals }
    }

    /// The codes of the total, or of the tariffs if the meter sends only those.
    private static func totals(of direction: UInt8, in registers: [Register]) -> [OBISCode] {
        let total = OBISCode(direction, 8, 0)
        if registers.contains(where: { $0.code == total }) { return [total] }
        return (1...4).map { OBISCode(direction, 8, $0) }.filter { code in registers.contains { $0.code == code } }
    }

    /// The meter's block for a configuration file: the keys that have no default, and those whose default does not suit the meter.
    package var block: String {
        // A JSON string is also a TOML string.
        var lines = ["[[meter]]", "name = \(JSON.string(name))", "port = \(JSON.string(port))"]
        if let meterProtocol { lines.append("protocol = \(JSON.string(meterProtocol.rawValue))") }
        if registers != Configuration.Meter(name: name, title: title, port: port).registers {
            lines.append("registers = \(JSON.array(registers.map { .string($0.short) }))")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The session that reads the meter. `isTimedByPulses`: one of the inputs is this meter's own light. `known`: the language in which the
    /// meter was read before the start.
    package func session(isTimedByPulses: Bool = false, known: KnownLanguage? = nil) -> any MeterSession {
        let read: ReadingPlan.Read =
            switch read {
            case .registers: .registers
            case .readout: .readout
            case .auto: .auto
            }
        var plan = ReadingPlan(
            read: read, registers: registers, every: every, isTimedByPulses: isTimedByPulses, address: address, wakesUp: wakesUp,
            signsByStatus: direction == .status)
        plan.hasFixedSpeed = RemoteHead(port) != nil
        return MeterProtocols.session(for: meterProtocol, plan: plan, known: known)
    }
}
