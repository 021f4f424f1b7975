import Metering

/// The settings of Domoticz's MQTT gateway: its topic, the update interval, and the devices.
package struct DomoticzGateway: Sendable, Equatable {
    package var topic = "domoticz/in"
    package var every = Duration.seconds(10)
    package var devices: [DomoticzDevice] = []

    package init() {}
}

/// Decides when Domoticz is updated. A device's line is sent when it changes, and is repeated periodically otherwise, as long as the
/// device's meter is being read.
package struct DomoticzPublication: MQTTOutput {
    package private(set) var nextDeadline: Instant?
    private let topic: String
    private let every: Duration
    private var devices: [DeviceLine]
    private var isConnected = false
    private var remarks: [String] = []

    package init(_ gateway: DomoticzGateway) {
        topic = gateway.topic
        every = gateway.every
        devices = gateway.devices.map { DeviceLine($0) }
    }

    package mutating func connected(now: Instant) -> [MQTTMessage] {
        isConnected = true
        for index in devices.indices { devices[index].forget() }
        return tick(now: now)
    }

    package mutating func disconnected() {
        isConnected = false
        nextDeadline = nil
    }

    package mutating func update(_ snapshot: Snapshot, now: Instant) -> [MQTTMessage] {
        for index in devices.indices { devices[index].update(snapshot) }
        return tick(now: now)
    }

    package mutating func tick(now: Instant) -> [MQTTMessage] { isConnected ? messages(now: now) : [] }

    package mutating func farewell(now: Instant) -> [MQTTMessage] { isConnected ? messages(now: now, isLast: true) : [] }

    package mutating func takeRemarks() -> [String] {
        defer { remarks = [] }
        return remarks
    }

    private mutating func messages(now: Instant, isLast: Bool = false) -> [MQTTMessage] {
        nextDeadline = nil
        var messages: [MQTTMessage] = []
        for index in devices.indices {
            if isLast || devices[index].due(every).map({ $0 <= now }) ?? false {
                if let svalue = devices[index].line(now: now) { messages.append(message(devices[index].device.idx, svalue)) }
                if let remark = devices[index].remark { remarks.append(remark) }
            }
            if let due = devices[index].due(every) { nextDeadline = min(nextDeadline ?? due, due) }
        }
        return messages
    }

    /// Not retained: otherwise Domoticz would count it as another update at each of its starts.
    private func message(_ idx: Int, _ svalue: String) -> MQTTMessage {
        let members: [(String, JSON)] = [
            ("command", .string("udevice")), ("idx", .number(String(idx))), ("nvalue", .number("0")), ("svalue", .string(svalue)),
        ]
        return MQTTMessage(topic, JSON.object(members).description, qos: 1)
    }
}

/// The last line sent for one device, and the data for the next one.
private struct DeviceLine: Sendable {
    /// Often enough: Domoticz writes its history every five minutes and reports a device as lost after an hour of silence.
    private static let repeatAfter = Duration.seconds(300)

    let device: DomoticzDevice
    private var meter: MeterSnapshot?
    private var hasNews = false
    private var triedAt: Instant?
    private var sent: DomoticzDevice.Reading?
    private var sentAt: Instant?
    /// The serial number of the meter that the last line came from.
    private var serial: String?
    private var total: PulseTotal?
    private var patience = Patience()
    private(set) var remark: String?

    init(_ device: DomoticzDevice) { self.device = device }

    mutating func update(_ snapshot: Snapshot) {
        guard let new = snapshot[device.meter], new.readings != meter?.readings || new != meter else { return }
        meter = new
        hasNews = true
    }

    mutating func forget() {
        hasNews = meter != nil
        sentAt = nil
        triedAt = nil
    }

    /// When the next line may be due.
    func due(_ every: Duration) -> Instant? {
        guard let meter, meter.isAvailable else { return nil }
        let next = triedAt.map { $0 + every } ?? .distantPast
        if hasNews { return next }
        return patience.deadline ?? sentAt.map { max($0 + Self.repeatAfter, next) }
    }

    /// Returns the line to send, or `nil` if nothing is to be sent.
    mutating func line(now: Instant) -> String? {
        remark = nil
        guard let meter, meter.isAvailable else {
            patience.found()
            return nil
        }
        hasNews = false
        triedAt = now
        guard let reading = device.reading(of: meter) else {
            if patience.timedOut(now: now) { remark = complaint(about: meter) }
            return nil
        }
        patience.found()
        let isDue = sentAt.map { $0 + Self.repeatAfter <= now } ?? true
        guard isDue || reading != sent, !falls(reading, meter) else { return nil }
        sent = reading
        sentAt = now
        serial = meter.serial
        total = meter.total
        return reading.svalue
    }

    /// Whether a counter decreased although neither was the meter replaced nor did somebody set the total. Such a line is not sent.
    private func falls(_ reading: DomoticzDevice.Reading, _ meter: MeterSnapshot) -> Bool {
        guard let sent, meter.serial == serial, meter.total?.base == total?.base, meter.total?.basePulses == total?.basePulses else {
            return false
        }
        return zip(reading.counters, sent.counters).contains { $0 < $1 }
    }

    private func complaint(about meter: MeterSnapshot) -> String {
        let missing = device.parts(of: meter).filter { meter.number($0) == nil }
        return "domoticz: nothing is sent to idx \(device.idx) while " + absence(of: missing, in: meter)
    }
}
