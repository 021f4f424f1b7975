import Metering

/// The settings for messages in the format of pe32me162: the meter, the topic and the device id.
package struct FormOutput: Sendable, Equatable {
    package var meter: String
    package var topic: String
    package var deviceID: String
    /// The meter counts the energy that is fed into the grid; if not, that field of the message is 0.
    package var hasExport = true

    package init(meter: String, topic: String, deviceID: String) {
        self.meter = meter
        self.topic = topic
        self.deviceID = deviceID
    }
}

/// Publishes both totals in Wh and the power in W, form-encoded, at the times when pe32me162 would send them: every two minutes; every
/// minute from 400 W on, where its estimate was better; and after 25 s if the power has changed considerably.
package struct FormPublication: MQTTOutput {
    private static let always = Duration.seconds(120)
    private static let withMuchPower = Duration.seconds(60)
    private static let withChange = Duration.seconds(25)
    /// The last message is assumed to have been sent this long before the first reading.
    private static let head = Duration.seconds(30)
    private static let muchPower: Int64 = 400
    /// Less than this many watts counts as no power.
    private static let noise: Int64 = 20

    private struct Reading: Sendable {
        var imported: Int64
        var exported: Int64
        var power: Int64
    }

    private let output: FormOutput
    private var meter: MeterSnapshot?
    private var patience = Patience()
    private var remarks: [String] = []
    private var saidAt: Instant?
    private var saidPower: Int64 = 0
    private var isConnected = false
    package private(set) var nextDeadline: Instant?

    package init(_ output: FormOutput) { self.output = output }

    package mutating func connected(now: Instant) -> [MQTTMessage] {
        isConnected = true
        return tick(now: now)
    }

    package mutating func disconnected() {
        isConnected = false
        nextDeadline = nil
    }

    package mutating func update(_ snapshot: Snapshot, now: Instant) -> [MQTTMessage] {
        meter = snapshot[output.meter]
        return tick(now: now)
    }

    package mutating func tick(now: Instant) -> [MQTTMessage] {
        nextDeadline = nil
        guard isConnected, let meter, meter.isAvailable else {
            patience.found()
            return []
        }
        guard let reading = read(meter) else {
            if patience.timedOut(now: now) {
                let missing = parts.filter { meter.number($0) == nil }
                remarks.append("mqtt-form: nothing is published to \(output.topic) while " + absence(of: missing, in: meter))
            }
            nextDeadline = patience.deadline
            return []
        }
        patience.found()
        let last = saidAt ?? now - Self.head
        saidAt = last
        let isDue = last + pause(reading.power) <= now
        if isDue {
            saidAt = now
            saidPower = reading.power
        }
        nextDeadline = (saidAt ?? now) + pause(reading.power)
        return isDue ? [message(reading)] : []
    }

    /// Needs no special last message, because each message is complete.
    package mutating func farewell(now: Instant) -> [MQTTMessage] { tick(now: now) }

    package mutating func takeRemarks() -> [String] {
        defer { remarks = [] }
        return remarks
    }

    private var parts: [Measurand] { [.energyImport] + (output.hasExport ? [.energyExport] : []) + [.power] }

    private func pause(_ power: Int64) -> Duration {
        if isChange(power) { return Self.withChange }
        return power.magnitude >= Self.muchPower.magnitude ? Self.withMuchPower : Self.always
    }

    /// Whether the direction changed, the power rose from 0 to more than noise, or the ratio to the last power is not between 0.6 and 1.6.
    private func isChange(_ power: Int64) -> Bool {
        if saidPower == 0 { return power.magnitude >= Self.noise.magnitude }
        let ratio = Double(power) / Double(saidPower)
        return ratio <= 0.6 || ratio >= 1.6
    }

    private func read(_ meter: MeterSnapshot) -> Reading? {
        let exported = output.hasExport ? meter.number(.energyExport) : Quantity(0)
        guard let imported = meter.number(.energyImport)?.whole(of: -3), let exported = exported?.whole(of: -3),
            let power = meter.number(.power)?.whole(of: 0)
        else { return nil }
        return Reading(imported: imported, exported: exported, power: power)
    }

    private func message(_ reading: Reading) -> MQTTMessage {
        let fields = [
            "device_id=\(Self.formEncoded(output.deviceID))", "e_pos_act_energy_wh=\(reading.imported)",
            "e_neg_act_energy_wh=\(reading.exported)", "e_inst_power_w=\(reading.power)",
        ]
        return MQTTMessage(output.topic, fields.joined(separator: "&"))
    }

    /// Colons are not escaped, because the ids of pe32me162 contain them.
    private static func formEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
