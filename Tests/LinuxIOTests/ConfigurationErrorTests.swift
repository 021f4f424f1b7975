import Configuration
import LinuxIO
import MeterDaemon
import Metering
import Testing

/// Every error with its text and position, from the file's text to the displayed line.
@Suite struct ConfigurationErrorTests {
    static let environment = ConfigurationEnvironment(
        hostName: "pi", credentialsDirectory: nil,
        readSecret: { path in
            switch path {
            case "/secret": .text("from file\n")
            case "/windows": .text("from file\r\n")
            case "/empty": .text("\n")
            case "/two": .text("one\ntwo\n")
            case "/closed", "/credentials/mqtt.password": .unreadable("no permission to read it as user jouled")
            default: .missing
            }
        }, obstacle: { $0.hasSuffix(".pem") ? nil : "no such file" })

    static func read(_ text: String, _ environment: ConfigurationEnvironment = environment) -> Result<Configuration, ConfigurationErrors> {
        do throws(ConfigurationErrors) {
            return ConfigurationReader.read(try parseTOML(Array(text.utf8), file: "c.toml"), file: "c.toml", environment: environment)
        } catch {
            return .failure(error)
        }
    }

    static func errors(_ text: String, _ environment: ConfigurationEnvironment = environment) -> [String] {
        switch read(text, environment) {
        case .success: []
        case .failure(let errors): errors.errors.map(\.description)
        }
    }

    static let meter = "[[meter]]\nname = \"grid\"\nport = \"/dev/ttyUSB0\"\n"
    static let pulse = "[[pulse]]\nname = \"s0\"\nline = \"GPIO17\"\n"

    /// A wrong line, and the resulting message with column and key.
    static let meterLines: [(String, String)] = [
        ("registers = [\"1.8.0\", \"1.8.x\"]", "4:23: meter.registers: \"1.8.x\" is not an OBIS code; expected e.g. \"1.8.0\""),
        ("registers = [\"1.8.0\", \"1-0:1.8.0*255\"]", "4:23: meter.registers: \"1-0:1.8.0*255\" is in the list twice"),
        ("registers = [1.8]", "4:14: meter.registers: 1.8 is a number, but expected a string in quotes, e.g. \"1.8.0\""),
        ("registers = []", "4:13: meter.registers: a list of 0; expected a list of 1 to 32 registers, e.g. [\"1.8.0\", \"2.8.0\"]"),
        (
            "registers = \"1.8.0\"",
            "4:13: meter.registers: \"1.8.0\" is a string, but expected a list of 1 to 32 registers, e.g. [\"1.8.0\", \"2.8.0\"]"
        ),
        ("every = 1", "4:9: meter.every: 1 is a number, but expected a string in quotes, e.g. \"5s\""),
        ("every = true", "4:9: meter.every: true is a boolean, but expected a string in quotes, e.g. \"5s\""),
        ("every = 07:32:00", "4:9: meter.every: 07:32:00 is a date or time, but expected a string in quotes, e.g. \"5s\""),
        ("every = { seconds = 5 }", "4:9: meter.every: this is a table, but expected a string in quotes, e.g. \"5s\""),
        ("publish_every = \"61min\"", "4:17: meter.publish_every: \"61min\" is out of range; expected \"0s\" to \"1h\""),
        ("max_power = 25000", "4:13: meter.max_power: 25000 is a number, but expected a string in quotes, e.g. \"25kW\""),
        ("titel = \"Grid\"", "4:1: meter.titel: unknown key; did you mean title?"),
        ("maxPower = \"25kW\"", "4:1: meter.maxPower: unknown key; did you mean max_power?"),
        ("pubilsh_every = \"5s\"", "4:1: meter.pubilsh_every: unknown key; did you mean publish_every?"),
        ("line = \"GPIO17\"", "4:1: meter.line: unknown key here; it belongs below [[pulse]]: is there still a # before that line?"),
        ("url = \"mqtt://localhost\"", "4:1: meter.url: unknown key here; it belongs below [mqtt]: is there still a # before that line?"),
        (
            "colour = 1",
            "4:1: meter.colour: unknown key; allowed keys: name, title, port, protocol, address, wake_up, direction, read, registers, every, max_power, publish_every"
        ),
        (
            "\"a\\nb\" = 1",
            "4:1: meter.\"a\\u{a}b\": unknown key; allowed keys: name, title, port, protocol, address, wake_up, direction, read, registers, every, max_power, publish_every"
        ),
        (
            "read = \"regsiters\"",
            "4:8: meter.read: \"regsiters\" is unknown; did you mean \"registers\"? allowed: \"registers\", \"readout\" or \"auto\""
        ),
        ("protocol = \"iec\"", "4:12: meter.protocol: \"iec\" is unknown; allowed: \"auto\", \"iec62056\", \"d0-push\", \"sml\" or \"p1\""),
        (
            "protocol = \"smk\"",
            "4:12: meter.protocol: \"smk\" is unknown; did you mean \"sml\"? allowed: \"auto\", \"iec62056\", \"d0-push\", \"sml\" or \"p1\""
        ),
        (
            "address = \"12/3\"",
            "4:11: meter.address: \"12/3\" is not a valid address; expected up to 32 letters and digits, e.g. \"12345678\""
        ),
        ("wake_up = \"yes\"", "4:11: meter.wake_up: \"yes\" is a string, but expected true or false"),
        ("title = \"\"", "4:9: meter.title: is empty; expected e.g. \"Grid meter\""),
        ("title = \"a\\tb\"", "4:9: meter.title: contains a line break or another control character"),
        ("title = \"\(String(repeating: "ü", count: 65))\"", "4:9: meter.title: is longer than 128 bytes"),
    ]

    @Test(arguments: meterLines)
    func meterLine(_ line: String, _ expected: String) {
        #expect(Self.errors(Self.meter + line) == ["c.toml:\(expected)"])
    }

    static let pulseLines: [(String, String)] = [
        ("edge = \"Falling\"", "4:8: pulse.edge: \"Falling\" is unknown; did you mean \"falling\"? allowed: \"falling\" or \"rising\""),
        (
            "bias = \"pullup\"",
            "4:8: pulse.bias: \"pullup\" is unknown; did you mean \"pull-up\"? allowed: \"pull-up\", \"pull-down\", \"disabled\" or \"as-is\""
        ),
        ("unit = \"kwh\"", "4:8: pulse.unit: \"kwh\" is unknown; did you mean \"kWh\"? allowed: \"kWh\", \"m³\" or \"L\""),
        ("unit = \"m3\"", "4:8: pulse.unit: \"m3\" is unknown; did you mean \"m³\"? allowed: \"kWh\", \"m³\" or \"L\""),
        ("unit = \"l\"", "4:8: pulse.unit: \"l\" is unknown; did you mean \"L\"? allowed: \"kWh\", \"m³\" or \"L\""),
        ("unit = \"gallons\"", "4:8: pulse.unit: \"gallons\" is unknown; allowed: \"kWh\", \"m³\" or \"L\""),
        ("unit = m³", "4:8: Error while parsing value: could not determine value type; a string must be in quotes"),
        (
            "unit = \"m³\"\npulses_per_unit = 100",
            "4:8: pulse.medium: missing; what is measured in m³? expected medium = \"gas\" or \"water\""
        ),
        (
            "unit = \"L\"\nmedium = \"water\"",
            "1:1: pulse.pulses_per_unit: missing; expected the number printed on the meter, e.g. 100 pulses per L"
        ),
        ("medium = \"gas\"", "4:10: pulse.medium: \"gas\" is not counted in kWh; expected unit = \"m³\" or unit = \"L\""),
        ("medium = \"water\"", "4:10: pulse.medium: \"water\" is not counted in kWh; expected unit = \"m³\" or unit = \"L\""),
        ("unit = \"L\"\nmedium = \"heat\"", "5:10: pulse.medium: \"heat\" is not counted in L; expected unit = \"kWh\""),
        (
            "medium = \"power\"",
            "4:10: pulse.medium: \"power\" is unknown; allowed: \"electricity\", \"gas\", \"water\" or \"heat\""
        ),
        ("min_pulse = \"0s\"", "4:13: pulse.min_pulse: \"0s\" is out of range; expected \"1ms\" to \"10s\""),
        ("min_pulse = \"11s\"", "4:13: pulse.min_pulse: \"11s\" is out of range; expected \"1ms\" to \"10s\""),
        ("offset = 17", "4:10: pulse.offset: either pulse.line, or pulse.chip with pulse.offset, not both"),
        ("of = \"grid\"", "4:6: pulse.of: no [[meter]] named \"grid\"; expected the meter whose light this is"),
        (
            "pulses_per_unit = \"1000\"",
            "4:19: pulse.pulses_per_unit: \"1000\" is a string, but expected a number without quotes, e.g. 1000: more than 0, at most 1000000000, at most 6 decimals"
        ),
        (
            "pulses_per_unit = 0.000_000_1",
            "4:19: pulse.pulses_per_unit: 0.0000001 is out of range; expected a number without quotes, e.g. 1000: more than 0, at most 1000000000, at most 6 decimals"
        ),
    ]

    @Test(arguments: pulseLines)
    func pulseLine(_ line: String, _ expected: String) {
        #expect(Self.errors(Self.pulse + line) == ["c.toml:\(expected)"])
    }

    static let mqttLines: [(String, String)] = [
        (
            "url = \"localhost:1883\"",
            "url: \"localhost:1883\": does not begin with mqtt:// or mqtts://; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"http://localhost\"",
            "url: \"http://localhost\": does not begin with mqtt:// or mqtts://; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://localhost:0\"",
            "url: \"mqtt://localhost:0\": the port must be 1 to 65535; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://localhost:65536\"",
            "url: \"mqtt://localhost:65536\": the port must be 1 to 65535; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://localhost:\"",
            "url: \"mqtt://localhost:\": the port must be 1 to 65535; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://localhost:+5\"",
            "url: \"mqtt://localhost:+5\": the port must be 1 to 65535; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://localhost/jouled\"",
            "url: \"mqtt://localhost/jouled\": has a path; the base topic is set with mqtt.topic; expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://fe80::1\"",
            "url: \"mqtt://fe80::1\": is not a host with an optional port (an IPv6 address must be in brackets); expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://\"",
            "url: \"mqtt://\": is not a host with an optional port (an IPv6 address must be in brackets); expected e.g. \"mqtt://localhost:1883\", or mqtts:// for TLS"
        ),
        (
            "url = \"mqtt://me:topsecret@localhost\"",
            "url: user and password do not belong in the URL; put them in mqtt.username and mqtt.password_file"
        ),
        (
            "topic = \"/jouled\"",
            "topic: \"/jouled\" is not a valid topic; expected e.g. \"jouled\": no spaces, no + or #, no / at either end, no $ at the start"
        ),
        (
            "topic = \"a//b\"",
            "topic: \"a//b\" is not a valid topic; expected e.g. \"jouled\": no spaces, no + or #, no / at either end, no $ at the start"
        ),
        (
            "topic = \"home/#\"",
            "topic: \"home/#\" is not a valid topic; expected e.g. \"jouled\": no spaces, no + or #, no / at either end, no $ at the start"
        ),
        (
            "topic = \"\"",
            "topic: \"\" is not a valid topic; expected e.g. \"jouled\": no spaces, no + or #, no / at either end, no $ at the start"
        ),
        (
            "topic = \"$SYS\"",
            "topic: \"$SYS\" is not a valid topic; expected e.g. \"jouled\": no spaces, no + or #, no / at either end, no $ at the start"
        ),
        ("protocol = \"3.1\"", "protocol: \"3.1\" is unknown; allowed: \"auto\", \"3.1.1\" or \"5\""),
        ("protocol = 5", "protocol: 5 is a number, but expected a string in quotes, e.g. \"auto\""),
        ("ca_file = \"/ca.pem\"", "ca_file: only for TLS, but mqtt.url is not mqtts://"),
        ("homeassistant = \"off\"", "homeassistant: expected one table that begins with the line [mqtt.homeassistant]"),
        (
            "homeassistant.discovery = \"devices\"",
            "homeassistant.discovery: \"devices\" is unknown; did you mean \"device\"? allowed: \"device\", \"components\" or \"off\""
        ),
        (
            "user = \"me\"",
            "user: unknown key; allowed keys: url, username, password, password_file, topic, client_id, ca_file, cert_file, key_file, protocol, homeassistant"
        ),
        ("user_name = \"me\"", "user_name: unknown key; did you mean username?"),
    ]

    @Test(arguments: mqttLines)
    func mqttLine(_ line: String, _ expected: String) throws {
        let isAboutKey = expected.contains("unknown key") || expected.contains("expected one table")
        let column = isAboutKey ? 1 : try #require(line.split(separator: "=").first).count + 3
        #expect(Self.errors(Self.meter + "[mqtt]\n" + line) == ["c.toml:5:\(column): mqtt.\(expected)"])
    }

    @Test func everythingElse() {
        let empty = "c.toml:1:1: nothing to read: there is neither a [[meter]] nor a [[pulse]]"
        #expect(Self.errors("") == [empty])
        #expect(Self.errors("[mqtt]\ntopik = \"a\"") == [empty, "c.toml:2:1: mqtt.topik: unknown key; did you mean topic?"])
        #expect(Self.errors("meter = []\npulse = []") == [empty])
        #expect(
            Self.errors("[meter]\nname = \"grid\"") == [
                "c.toml:1:2: meter: expected a table that begins with the line [[meter]], with two pairs of brackets"
            ])
        #expect(
            Self.errors("meter = [1]") == ["c.toml:1:10: meter: 1 is a number, but expected a table that begins with the line [[meter]]"])
        #expect(Self.errors("[[mqtt]]\n" + Self.meter) == ["c.toml:1:3: mqtt: expected one table that begins with the line [mqtt]"])
        #expect(Self.errors("[[meters]]\n" + Self.meter) == ["c.toml:1:3: meters: unknown key; did you mean meter?"])
        #expect(
            Self.errors(Self.meter + "[http]\nlisten = 1\n[[output]]\ntype = 1") == [
                "c.toml:4:2: http: not supported by this version of jouled; remove it",
                "c.toml:7:8: output.type: 1 is a number, but expected a string in quotes, e.g. \"domoticz\"",
            ])
        #expect(
            Self.errors("name = \"grid\"\n" + Self.meter) == [
                "c.toml:1:1: name: unknown key here; it belongs below [[meter]]: is there still a # before that line?"
            ])
        #expect(
            Self.errors(Self.meter + "[state]\ndirectory = \"state\"\nsave_every = \"0s\"") == [
                "c.toml:5:13: state.directory: \"state\" is not an absolute path; expected e.g. \"/var/lib/jouled\"",
                "c.toml:6:14: state.save_every: \"0s\" is out of range; expected \"1s\" to \"1h\"",
            ])
    }

    @Test func namesPortsAndLines() {
        #expect(
            Self.errors("[[meter]]\n[[pulse]]") == [
                "c.toml:1:1: meter.name: missing; expected a short name for topics, e.g. \"grid\"",
                "c.toml:1:1: meter.port: missing; list the heads with: ls /dev/serial/by-id/",
                "c.toml:2:1: pulse.name: missing; expected a short name for topics, e.g. \"grid\"",
                "c.toml:2:1: pulse.line: missing; expected e.g. \"GPIO17\", or chip = \"/dev/gpiochip0\" with offset = 17",
            ])
        #expect(
            Self.errors("[[meter]]\nname = \"Grid\"\nport = \"tcp://pi\"\n[[meter]]\nname = \"\"\nport = \"ttyUSB0\"") == [
                "c.toml:2:8: meter.name: \"Grid\" is not a valid name; expected 1 to 64 of a-z, 0-9, _ and -, e.g. \"grid\"",
                "c.toml:3:8: meter.port: \"tcp://pi\": the port is missing; expected e.g. \"tcp://raspberrypi:7970\"",
                "c.toml:5:8: meter.name: \"\" is not a valid name; expected 1 to 64 of a-z, 0-9, _ and -, e.g. \"grid\"",
                "c.toml:6:8: meter.port: \"ttyUSB0\" is not an absolute path; expected e.g. \"/dev/ttyUSB0\"",
            ])
        #expect(
            Self.errors(Self.meter + Self.meter + Self.pulse + "[[pulse]]\nname = \"grid\"\nline = \"GPIO17\"\n") == [
                "c.toml:5:8: meter.name: \"grid\" is already the name in line 2; every meter and pulse needs its own",
                "c.toml:6:8: meter.port: \"/dev/ttyUSB0\" is already the port of \"grid\"; one head reads one meter",
                "c.toml:11:8: pulse.name: \"grid\" is already the name in line 2; every meter and pulse needs its own",
                "c.toml:12:8: pulse.line: GPIO17 is already the line of \"s0\"",
            ])
        func remote(_ name: String, _ port: String) -> String { "[[meter]]\nname = \"\(name)\"\nport = \"\(port)\"\n" }
        #expect(Self.errors(remote("a", "tcp://pi:7970") + remote("b", "tcp://[fe80::1%eth0]:7970")) == [])
        #expect(
            Self.errors(remote("a", "tcp://pi:7970") + remote("b", "tcp://Pi:7970/")) == [
                "c.toml:6:8: meter.port: \"tcp://pi:7970\" is already the port of \"a\"; one head reads one meter"
            ])
        #expect(
            Self.errors(remote("a", "tcp://pi:70000")) == [
                "c.toml:3:8: meter.port: \"tcp://pi:70000\": the port must be 1 to 65535; expected e.g. \"tcp://raspberrypi:7970\""
            ])
        #expect(
            Self.errors(remote("a", "tcp://fe80::1:7970")) == [
                "c.toml:3:8: meter.port: \"tcp://fe80::1:7970\": is not a host and port (an IPv6 address must be in brackets); expected e.g. \"tcp://raspberrypi:7970\""
            ])
        func pulse(_ name: String, _ rest: String) -> String { "[[pulse]]\nname = \"\(name)\"\n\(rest)\n" }
        #expect(Self.errors(pulse("a", "line = 17")) == ["c.toml:3:8: pulse.line: 17 is a number; did you mean \"GPIO17\"?"])
        #expect(
            Self.errors(pulse("a", "offset = 17")) == [
                "c.toml:1:1: pulse.chip: missing; expected e.g. \"/dev/gpiochip0\" together with offset"
            ])
        #expect(
            Self.errors(pulse("a", "chip = \"/dev/gpiochip0\"")) == [
                "c.toml:1:1: pulse.offset: missing; expected e.g. 17 together with chip"
            ])
        #expect(
            Self.errors(pulse("a", "chip = \"gpiochip0\"\noffset = \"17\"")) == [
                "c.toml:3:8: pulse.chip: \"gpiochip0\" is not an absolute path; expected e.g. \"/dev/gpiochip0\"",
                "c.toml:4:10: pulse.offset: \"17\" is a string, but expected a whole number, 0 to 1023, without quotes",
            ])
        let line = "chip = \"/dev/gpiochip0\"\noffset = 17"
        #expect(
            Self.errors(pulse("a", line) + pulse("b", line)) == [
                "c.toml:8:10: pulse.offset: /dev/gpiochip0 17 is already the line of \"a\""
            ])
        #expect(
            Self.errors(pulse("a", "chip = \"/dev/gpiochip0\"\noffset = 1024")) == [
                "c.toml:4:10: pulse.offset: 1024 is out of range; expected a whole number, 0 to 1023, without quotes"
            ])
    }

    @Test func whereSecretsAre() throws {
        func files(_ lines: String) throws -> [String] {
            try Self.read(Self.meter + "[mqtt]\nusername = \"jouled\"\n" + lines).get().secretFiles
        }
        #expect(try files("") == [])
        #expect(try files("password = \"in the file\"") == ["c.toml"])
        #expect(try files("password_file = \"/secret\"") == ["/secret"])
    }

    @Test func secrets() throws {
        func password(_ lines: String, _ environment: ConfigurationEnvironment = Self.environment) throws -> String? {
            try Self.read(Self.meter + "[mqtt]\n" + lines, environment).get().mqtt?.password
        }
        let user = "username = \"me\"\n"
        #expect(try password("password = \"in the file\"\n" + user) == "in the file")
        #expect(try password("password_file = \"/secret\"\n" + user) == "from file")
        #expect(try password("password_file = \"/windows\"\n" + user) == "from file")
        #expect(try password(user) == nil)

        func errors(_ lines: String, _ environment: ConfigurationEnvironment = Self.environment) -> [String] {
            Self.errors(Self.meter + "[mqtt]\nusername = \"me\"\n" + lines, environment)
        }
        #expect(
            errors("password = \"a\"\npassword_file = \"/secret\"") == [
                "c.toml:7:17: mqtt.password_file: mqtt.password is set as well; keep one of the two"
            ])
        #expect(errors("password = 1234") == ["c.toml:6:12: mqtt.password: expected a string in quotes"])
        #expect(errors("password = \"a\\nb\"") == ["c.toml:6:12: mqtt.password: contains a line break or another control character"])
        #expect(
            errors("password_file = \"secret\"").first?.hasPrefix("c.toml:6:17: mqtt.password_file: \"secret\" is not an absolute path;")
                == true)
        #expect(errors("password_file = \"/nowhere\"") == ["c.toml:6:17: mqtt.password_file: \"/nowhere\": no such file"])
        #expect(
            errors("password_file = \"/closed\"") == [
                "c.toml:6:17: mqtt.password_file: \"/closed\": no permission to read it as user jouled"
            ])
        #expect(errors("password_file = \"/empty\"") == ["c.toml:6:17: mqtt.password_file: \"/empty\" is empty; expected e.g. \"…\""])
        #expect(
            errors("password_file = \"/two\"") == [
                "c.toml:6:17: mqtt.password_file: \"/two\" contains a line break or another control character"
            ])
        #expect(Self.errors(Self.meter + "[mqtt]\npassword = \"a\"") == ["c.toml:5:1: mqtt.username: missing; a password needs a username"])

        var systemd = Self.environment
        systemd.credentialsDirectory = "/credentials"
        #expect(try password(user + "password = \"in the file\"", systemd) == "in the file")
        #expect(
            errors("", systemd) == ["c.toml:4:1: mqtt.password: \"/credentials/mqtt.password\": no permission to read it as user jouled"])
        systemd.readSecret = { $0 == "/credentials/mqtt.password" ? .text("credential") : .missing }
        #expect(try password(user, systemd) == "credential")
        systemd.readSecret = { _ in .missing }
        #expect(try password(user, systemd) == nil)
    }

    /// Two machines with the same host name need different client IDs, but their devices in Home Assistant keep their names.
    @Test func theClientTellsTheMachine() throws {
        var environment = Self.environment
        environment.machine = "1a2b"
        let plain = try #require(try Self.read(Self.meter + "[mqtt]\n", environment).get().mqtt)
        #expect(plain.clientID == "jouled-pi-1a2b" && plain.bridge == "jouled-pi")
        let named = try #require(try Self.read(Self.meter + "[mqtt]\nclient_id = \"cellar\"\n", environment).get().mqtt)
        #expect(named.clientID == "cellar" && named.bridge == nil)
    }

    /// jouled must not receive its own messages as commands.
    @Test func topicsThatMeet() {
        let why =
            "can't be both mqtt.topic and mqtt.homeassistant.prefix: jouled's status would be mistaken for Home Assistant's; expected e.g. topic = \"jouled\""
        #expect(Self.errors(Self.meter + "[mqtt]\ntopic = \"homeassistant\"") == ["c.toml:5:9: mqtt.topic: \"homeassistant\" \(why)"])
        #expect(
            Self.errors(Self.meter + "[mqtt]\n[mqtt.homeassistant]\nprefix = \"jouled\"") == [
                "c.toml:6:10: mqtt.homeassistant.prefix: \"jouled\" \(why)"
            ])
        #expect(Self.errors(Self.meter + "[mqtt]\ntopic = \"homeassistant/jouled\"") == [])
        let registers = "[[meter]]\nname = \"read\"\nport = \"/dev/ttyUSB0\"\nregisters = [\"1.8.0\", \"96.7.21=set\"]"
        #expect(
            Self.errors(registers) == [
                "c.toml:4:13: meter.registers: a meter named \"read\" can't have a register named \"set\"; expected another name"
            ])
        for topic in ["homeassistant/status", "jouled/grid/total/set", "jouled/read/set", "jouled/restart/set"] {
            let output = "[mqtt]\n[[output]]\ntype = \"mqtt-form\"\nmeter = \"grid\"\ndevice_id = \"1\"\ntopic = \"\(topic)\""
            #expect(
                Self.errors(Self.meter + output) == [
                    "c.toml:9:9: output.topic: \"\(topic)\" is a topic on which jouled receives commands; expected another one"
                ])
        }
    }

    @Test func tls() throws {
        func mqtt(_ lines: String) throws -> Configuration.MQTT {
            let configuration = try Self.read(Self.meter + "[mqtt]\n" + lines).get()
            return try #require(configuration.mqtt)
        }
        let plain = try mqtt("url = \"mqtt://broker.lan\"")
        #expect((plain.host, plain.port, plain.usesTLS) == ("broker.lan", 1883, false))
        #expect(plain.clientID == "jouled-pi" && plain.bridge == "jouled-pi")
        let files = "ca_file = \"/ca.pem\"\ncert_file = \"/a.pem\"\nkey_file = \"/b.pem\""
        let secure = try mqtt("url = \"mqtts://[fe80::1%eth0]/\"\n" + files)
        #expect((secure.host, secure.port, secure.usesTLS) == ("fe80::1%eth0", 8883, true))
        #expect([secure.caFile, secure.certFile, secure.keyFile] == ["/ca.pem", "/a.pem", "/b.pem"])
        #expect(try mqtt("url = \"mqtts://[::1]:8884\"").port == 8884)

        let url = "[mqtt]\nurl = \"mqtts://broker\"\n"
        #expect(Self.errors(Self.meter + url + "cert_file = \"/a.pem\"") == ["c.toml:6:13: mqtt.cert_file: needs mqtt.key_file as well"])
        #expect(Self.errors(Self.meter + url + "key_file = \"/a.pem\"") == ["c.toml:6:12: mqtt.key_file: needs mqtt.cert_file as well"])
        #expect(
            Self.errors(Self.meter + url + "ca_file = \"ca.pem\"") == [
                "c.toml:6:11: mqtt.ca_file: \"ca.pem\" is not an absolute path; expected e.g. \"/etc/jouled/ca.pem\""
            ])
        #expect(Self.errors(Self.meter + url + "ca_file = \"/ca\"") == ["c.toml:6:11: mqtt.ca_file: \"/ca\": no such file"])
    }
}
