import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import Testing

/// `config.example.toml` is the users' starting point: it must load, and everything in it must be correct.
@Suite struct ConfigurationExampleTests {
    static let path = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.startIndex)) + "/../../config.example.toml"
    static let environment = ConfigurationEnvironment(hostName: "pi", readSecret: { _ in .text("secret\n") }, obstacle: { _ in nil })

    struct Line {
        var section: String
        var text: String
        /// `nil` for comments, headings and empty lines.
        var key: String?
        var isCommentedOut: Bool
        var hasDefault: Bool { !text.contains("No default") }
        var live: String { isCommentedOut ? String(text.dropFirst()) : text }
    }

    static func lines() throws -> [Line] {
        let content = try #require(contents(of: path))
        var section = ""
        let texts = content.split(separator: "\n", omittingEmptySubsequences: false)
        return texts.enumerated().map { index, text in
            let isCommentedOut = text.first == "#" && text.dropFirst().first.map { $0.isLetter || $0 == "[" } == true
            let live = isCommentedOut ? text.dropFirst() : text
            if live.first == "[" { section = String(live.prefix { $0 != " " }) }
            // There is one output of each type.
            if section == "[[output]]" { section += " " + (texts[index + 1].split(separator: "\"").dropFirst().first ?? "") }
            let key = live.first?.isLetter == true ? String(live.prefix { $0 != " " }) : nil
            return Line(section: section, text: String(text), key: key, isCommentedOut: isCommentedOut)
        }
    }

    static func contents(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 100_000)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    func load(_ lines: [String]) throws -> Configuration {
        let tree = try parseTOML(Array(lines.joined(separator: "\n").utf8), file: "config.example.toml")
        return try ConfigurationReader.read(tree, file: "config.example.toml", environment: Self.environment).get()
    }

    /// The minimum of keys that a commented-out section needs when it is enabled.
    static let least: [String: [String: Set<String>]] = [
        "[[pulse]]": ["[[pulse]]": ["name", "line"]],
        "[[output]] domoticz": ["[[output]] domoticz": ["type"], "[[output.device]]": ["idx", "meter", "type"]],
        "[[output.device]]": ["[[output]] domoticz": ["type"], "[[output.device]]": ["idx", "meter", "type"]],
        "[[output]] mqtt-form": ["[[output]] mqtt-form": ["type", "topic", "meter", "device_id"]],
    ]

    /// Loads the example with the given keys of a section enabled, others replaced, and everything that the section requires.
    func load(_ section: String, _ live: Set<String>, without dropped: Set<String> = [], replacing: [String: String] = [:]) throws
        -> Configuration
    {
        var lives = Self.least[section] ?? [:]
        lives[section] = live
        return try load(
            try Self.lines().compactMap { line in
                guard let live = lives[line.section] else { return line.text }
                guard let key = line.key else { return line.live.first == "[" ? line.live : line.text }
                if line.section == section, dropped.contains(key) { return nil }
                return (line.section == section ? replacing[key] : nil) ?? (live.contains(key) ? line.live : line.text)
            })
    }

    @Test func loadsAsItIs() throws {
        let configuration = try loadConfiguration(path: Self.path)
        #expect(configuration.meters.map(\.name) == ["grid"])
        #expect(configuration.pulses.isEmpty)
        #expect(configuration.mqtt?.host == "localhost")
        #expect(configuration.state == Configuration.State())
    }

    @Test func holdsEveryKeyOnce() throws {
        let written = try Self.lines().compactMap { line in line.key.map { "\(line.section) \($0)" } }
        #expect(Set(written).count == written.count)
        let subtables = ["[mqtt] homeassistant", "[[output]] domoticz device"]
        // The keys known to the reader, from its own message: it lists a table's keys when one of them is unknown.
        for section in [
            "[mqtt]", "[mqtt.homeassistant]", "[[meter]]", "[[pulse]]", "[[output]] domoticz", "[[output.device]]", "[[output]] mqtt-form",
            "[state]",
        ] {
            let words = section.split(separator: " ")
            var head = section == "[[output.device]]" ? "[[output]]\ntype = \"domoticz\"\n" : ""
            head += words.count == 2 ? "\(words[0])\ntype = \"\(words[1])\"" : section
            let text = ConfigurationErrorTests.errors("\(head)\nzzzzzzzzzzzz = 1").first { $0.contains("zzzzzzzzzzzz") } ?? ""
            let names = text.split(separator: " allowed keys: ").last ?? ""
            let known = names.split(separator: ", ").map { "\(section) \($0)" }
            #expect(Set(written.filter { $0.hasPrefix("\(section) ") }) == Set(known.filter { !subtables.contains($0) }))
        }
    }

    /// Every commented-out line shows the default, so enabling it changes nothing.
    @Test func showsTheDefaults() throws {
        let asItIs = try loadConfiguration(path: Self.path)
        var count = 0
        for line in try Self.lines() where line.isCommentedOut && line.hasDefault && Self.least[line.section] == nil {
            guard let key = line.key else { continue }
            var loaded = try load(line.section, [key])
            loaded.mqtt?.clientID = asItIs.mqtt?.clientID ?? ""
            loaded.mqtt?.bridge = asItIs.mqtt?.bridge
            #expect(loaded == asItIs, "\(line.text)")
            count += 1
        }
        for (section, needs) in Self.least {
            let needed = needs[section] ?? []
            let least = try load(section, needed).with(title: "")
            for line in try Self.lines() where line.section == section && line.isCommentedOut && line.hasDefault {
                guard let key = line.key, !needed.contains(key) else { continue }
                #expect(try load(section, needed.union([key])).with(title: "") == least, "\(line.text)")
                count += 1
            }
        }
        #expect(count == 28)
    }

    /// Keys without a default are accepted as well, together with the keys they require.
    @Test func showsValuesThatAreTaken() throws {
        let mqtts = ["url": "url = \"mqtts://localhost\""]
        #expect(try load("[mqtt]", ["username"]).mqtt?.username == "jouled")
        #expect(try load("[mqtt]", ["username", "password"]).mqtt?.password == "secret")
        #expect(try load("[mqtt]", ["username", "password_file"]).mqtt?.password == "secret")
        #expect(try load("[mqtt]", ["client_id"]).mqtt?.clientID == "jouled-kitchen")
        let secure = try #require(try load("[mqtt]", ["ca_file", "cert_file", "key_file"], replacing: mqtts).mqtt)
        #expect(
            [secure.caFile, secure.certFile, secure.keyFile] == ["/etc/jouled/ca.pem", "/etc/jouled/client.pem", "/etc/jouled/client.key"])
        #expect(try load("[[pulse]]", ["name", "chip", "offset"]).pulses.first?.line == .offset(17, chip: "/dev/gpiochip0"))
        let shownLight = try Self.lines().first { $0.key == "of" }?.live
        #expect(shownLight?.hasPrefix("of = \"grid\"") == true)
        let shown: Set = ["username", "password", "password_file", "client_id", "ca_file", "cert_file", "key_file", "chip", "offset", "of"]
        let isOutput: (Line) -> Bool = { $0.section.hasPrefix("[[output") }
        #expect(Set(try Self.lines().filter { !$0.hasDefault && !isOutput($0) }.compactMap(\.key)) == shown)
        let asShown = try load("[[output.device]]", ["idx", "meter", "type"]).outputs
        var gateway = DomoticzGateway()
        gateway.devices = [DomoticzDevice(idx: 7, meter: "grid", kind: .p1)]
        #expect(asShown == [.init(gateway)])
        gateway.devices[0].kind = .usage
        gateway.devices[0].quantity = .powerL1
        let usage = ["type": "type = \"usage\""]
        #expect(try load("[[output.device]]", ["idx", "meter", "type", "quantity"], replacing: usage).outputs == [.init(gateway)])
        let form = FormOutput(meter: "grid", topic: "myhome/infra/power/xwwwform", deviceID: "EUI48:11:22:33:44:55:66")
        #expect(try load("[[output]] mqtt-form", ["type", "topic", "meter", "device_id", "export"]).outputs == [.init(form)])
        for section in ["[mqtt]", "[mqtt.homeassistant]", "[[meter]]", "[state]", "[[pulse]]"] {
            let all = Set(try Self.lines().filter { $0.section == section }.compactMap(\.key))
            let dropped: Set = ["password", "chip", "offset", "of"]
            #expect(throws: Never.self) { try load(section, all.subtracting(dropped), replacing: section == "[mqtt]" ? mqtts : [:]) }
        }
    }

    @Test func survivesTwoThousandMutations() throws {
        let lines = try Self.lines().filter {
            !["password", "chip", "offset", "ca_file", "cert_file", "key_file", "quantity"].contains($0.key)
        }.map(
            \.live)
        let original = Array(lines.joined(separator: "\n").utf8)
        let spice = Array("\"'#[]{}=.,\\\n\r\t \u{0}\u{7F}-+_0123456789eExXnfé³\u{FEFF}\u{2028}😀".utf8) + [0xFF, 0xC0, 0x80, 0xED]
        let letters = Array("abcdefghijklmnopqrstuvwxyzWV0123456789-_".utf8)
        var random = SplitMix(state: 2026)
        var outcomes: [String: Int] = [:]
        for _ in 0..<2000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[at] = spice.randomElement(using: &random) ?? 0
                case 1: bytes.insert(spice.randomElement(using: &random) ?? 0, at: at)
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...40, using: &random)))
                case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + Int.random(in: 1...400, using: &random))], at: at)
                default: bytes[at] = letters.randomElement(using: &random) ?? 0
                }
            }
            do throws(ConfigurationErrors) {
                let tree = try parseTOML(bytes, file: "c.toml")
                switch ConfigurationReader.read(tree, file: "c.toml", environment: Self.environment) {
                case .success: outcomes["taken", default: 0] += 1
                case .failure(let errors):
                    outcomes["refused", default: 0] += 1
                    #expect(errors.errors.allSatisfy { ($0.position?.line ?? 0) > 0 && ($0.position?.column ?? 0) > 0 })
                    #expect(!errors.description.utf8.contains { $0 < 0x20 && $0 != 0x0A })
                }
            } catch {
                outcomes["no TOML", default: 0] += 1
                #expect(error.errors.allSatisfy { ($0.position?.line ?? 0) > 0 })
            }
        }
        print("mutations of the example:", outcomes.sorted { $0.key < $1.key })
        #expect(Set(outcomes.keys) == ["taken", "refused", "no TOML"])
    }

    @Test func saysWhyAFileCannotBeRead() throws {
        func error(_ path: String) -> String? {
            do throws(ConfigurationErrors) {
                _ = try loadConfiguration(path: path)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(error("/nowhere/config.toml") == "/nowhere/config.toml: no such file")
        #expect(error("/") == "/: Is a directory")
        #expect(error("/dev/zero") == "/dev/zero: is larger than 1048576 bytes")
        #expect(error("/dev/null") == "/dev/null:1:1: nothing to read: there is neither a [[meter]] nor a [[pulse]]")
    }
}

extension Configuration {
    fileprivate func with(title: String) -> Self {
        var configuration = self
        for index in pulses.indices { configuration.pulses[index].title = title }
        return configuration
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
