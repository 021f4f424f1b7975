import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Publishing
import Testing

/// What other programs receive from a real mosquitto.
@Suite(.serialized, .enabled(if: access(RealBroker.program, X_OK) == 0, "mosquitto is not installed"), .timeLimit(.minutes(5)))
struct OutputTests {
    private static let svalue = #"1 0 domoticz/in {"command":"udevice","idx":7,"nvalue":0,"svalue":"33402264;0;0;0;345;0"}"#
    private static let form = "0 0 power/form device_id=EUI48:1&e_pos_act_energy_wh=33402264&e_neg_act_energy_wh=0&e_inst_power_w=345"

    @Test func tellsDomoticzAndWhoReadsForms() async throws {
        let broker = try RealBroker()
        try broker.start()
        var gateway = DomoticzGateway()
        gateway.devices = [DomoticzDevice(idx: 7, meter: "grid", kind: .p1)]
        gateway.devices[0].hasExport = false
        var form = FormOutput(meter: "grid", topic: "power/form", deviceID: "EUI48:1")
        form.hasExport = false
        let daemon = RealPublisher(.local(broker.port), outputs: [Configuration.Output(gateway), Configuration.Output(form)])
        try await daemon.run {
            _ = await daemon.log.messages(1, by: daemon.loop)
            let live = try await broker.subscriber(retaining: "1 1 jouled/status online", by: daemon.loop)
            daemon.read("33402.264")
            let lines = await live.lines(by: daemon.loop) { $0.contains(Self.svalue) && $0.contains(Self.form) }
            #expect(lines.contains(Self.svalue) && lines.contains(Self.form), "\(lines)")
            // None of it is retained.
            let late = try await broker.subscriber(retaining: { $0.count >= 6 }, by: daemon.loop)
            let retained = await late.lines(by: daemon.loop) { _ in true }
            #expect(!retained.contains { $0.contains("domoticz") || $0.contains("power/form") })
            // A new connection begins with the newest values.
            for descriptor in connections(to: broker.port) { shutdown(descriptor, Int32(SHUT_RDWR)) }
            let again = await live.lines(by: daemon.loop) { $0.count { $0 == Self.svalue } == 2 }
            #expect(again.count { $0 == Self.svalue } == 2)
            #expect(again.count { $0 == Self.form } == 1, "which has its own pace")
        }
    }
}
