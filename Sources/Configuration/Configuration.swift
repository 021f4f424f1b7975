import MeterProtocols
import Metering
import Publishing

/// A valid configuration: everything that the daemon needs to start, with all defaults filled in.
package struct Configuration: Sendable, Equatable {
    package var mqtt: MQTT?
    package var meters: [Meter] = []
    package var pulses: [Pulse] = []
    package var outputs: [Output] = []
    package var state = State()
    /// The files that hold passwords and keys.
    package var secretFiles: [String] = []

    package init() {}

    package struct MQTT: Sendable, Equatable {
        package var host = "localhost"
        package var port = 1883
        package var usesTLS = false
        package var username: String?
        package var password: String?
        /// The base topic.
        package var topic = "jouled"
        package var clientID = "jouled"
        /// What names the daemon's own device in Home Assistant, where `clientID` does not.
        package var bridge: String?
        package var caFile: String?
        package var certFile: String?
        package var keyFile: String?
        package var version = ProtocolVersion.auto
        package var discovery = DiscoveryForm.device
        package var discoveryPrefix = "homeassistant"

        package enum ProtocolVersion: String, Sendable, CaseIterable { case auto, v311 = "3.1.1", v5 = "5" }
        package init() {}
    }

    /// An optical head.
    package struct Meter: Sendable, Equatable {
        package var name: String
        package var title: String
        package var port: String
        /// `nil` finds out.
        package var meterProtocol: MeterProtocol?
        /// For the sign-on; only `iec62056`, as the next one.
        package var address = ""
        package var wakesUp = false
        package var direction = Direction.auto
        package var read = Read.auto
        package var registers: [OBISCode] = [OBISCode(1, 8, 0), OBISCode(2, 8, 0)]
        /// Those of them that are published under a name of the owner's.
        package var named: [NamedRegister] = []
        package var every = Duration.zero
        /// Watts.
        package var maxPower: Int64 = 25_000
        package var publishEvery = Duration.seconds(5)

        /// Where power has its sign: by itself, where the meter is known to send it so; or in the status word in any case.
        package enum Direction: String, Sendable, CaseIterable { case auto, status }
        package enum Read: String, Sendable, CaseIterable { case registers, readout, auto }

        package init(name: String, title: String, port: String) {
            self.name = name
            self.title = title
            self.port = port
        }
    }

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
        /// The meter whose own light this is: timing from here, direction and totals from its registers.
        package var of: String?

        package enum Line: Sendable, Hashable { case name(String), offset(Int, chip: String) }
        package enum Bias: String, Sendable, CaseIterable { case pullUp = "pull-up", pullDown = "pull-down", disabled, asIs = "as-is" }

        package init(name: String, title: String, line: Line) {
            self.name = name
            self.title = title
            self.line = line
        }
    }

    /// Who else is told, by the same broker.
    package enum Output: Sendable, Equatable {
        case domoticz(DomoticzGateway)
        case form(FormOutput)
    }

    package struct State: Sendable, Equatable {
        package var directory = "/var/lib/jouled"
        package var saveEvery = Duration.seconds(60)
        package init() {}
    }
}
