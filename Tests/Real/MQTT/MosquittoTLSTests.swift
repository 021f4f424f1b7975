import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Testing

/// Certificates that the test creates.
private struct TestAuthority {
    static let program = "/usr/bin/openssl"
    let directory: String

    init(_ directory: String) throws {
        self.directory = directory
        try run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=TestCA -keyout \(directory)/ca.key -out \(directory)/ca.crt")
        try run("req -newkey rsa:2048 -nodes -subj /CN=broker -keyout \(directory)/broker.key -out \(directory)/broker.csr")
    }

    /// Signs the broker's certificate for the given name.
    func certify(_ name: String, days: Int = 2) throws {
        let extensions = directory + "/extensions"
        guard let file = fopen(extensions, "w") else { return }
        fputs("subjectAltName=\(name)\n", file)
        fclose(file)
        try run(
            "x509 -req -days \(days) -in \(directory)/broker.csr -CA \(directory)/ca.crt -CAkey \(directory)/ca.key -CAcreateserial"
                + " -extfile \(extensions) -out \(directory)/broker.crt")
    }

    private func run(_ arguments: String) throws {
        try #require(ChildProcess.run(Self.program, arguments.split(separator: " ").map(String.init)))
    }
}

@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(
        if: access(RealBroker.program, X_OK) == 0 && access(TestAuthority.program, X_OK) == 0, "mosquitto or openssl is not installed"))
struct MosquittoTLSTests {
    private static let options = [
        "allow_anonymous true", "cafile DIRECTORY/ca.crt", "certfile DIRECTORY/broker.crt", "keyfile DIRECTORY/broker.key",
    ]

    /// An untrusted certificate ends libmosquitto's own thread permanently: the link must survive and use a new one.
    @Test func trustsWhatItsAuthoritySigned() async throws {
        let broker = try RealBroker(Self.options)
        let authority = try TestAuthority(broker.directory.path)
        try authority.certify("DNS:elsewhere.example")
        try broker.start()
        var settings = Configuration.MQTT.local(broker.port)
        settings.usesTLS = true
        settings.caFile = broker.directory.path + "/ca.crt"
        let daemon = RealPublisher(settings)
        try await daemon.run {
            daemon.read("1.000")
            let first = await daemon.log.messages(1, by: daemon.loop).first
            #expect(first == "mqtt: not connected: TLS: the broker's certificate is for a host name other than 127.0.0.1")
            broker.stop()
            try authority.certify("IP:127.0.0.1")
            try broker.start()
            #expect(await daemon.log.messages(2, by: daemon.loop).last == "mqtt: connected")
            broker.stop()
            _ = await daemon.log.messages(3, by: daemon.loop)
            try broker.start()
            #expect(await daemon.log.messages(4, by: daemon.loop).last == "mqtt: connected")
        }
    }

    /// One cause after another is fixed: each is logged once, and jouled needs no restart.
    @Test func saysEachReasonOnceAndConnectsInTheEnd() async throws {
        let broker = try RealBroker(Self.options)
        let plain = try RealBroker(["allow_anonymous true"], port: broker.port)
        let authority = try TestAuthority(broker.directory.path)
        try plain.start()
        var settings = Configuration.MQTT.local(broker.port)
        settings.usesTLS = true
        settings.caFile = broker.directory.path + "/ca.crt"
        let daemon = RealPublisher(settings)
        var expected = ["mqtt: not connected: TLS: the broker does not use it on port \(broker.port)"]
        try await daemon.run {
            daemon.read("1.000")
            #expect(await daemon.log.messages(1, by: daemon.loop) == expected)
            await daemon.loop.sleep(until: daemon.loop.now + .milliseconds(2500))
            #expect(daemon.log.messages == expected, "and again, which was said")
            plain.stop()
            // A certificate that has already expired.
            try authority.certify("IP:127.0.0.1", days: 0)
            try broker.start()
            expected.append("mqtt: not connected: TLS: the broker's certificate is not trusted, has expired, or is not valid yet")
            let expired = await daemon.log.messages(2, by: daemon.loop)
            #expect(expired.filter { !$0.hasSuffix("connection refused") } == expected)
            let count = expired.count
            broker.stop()
            try authority.certify("IP:127.0.0.1")
            try broker.start()
            let end = await daemon.log.messages(count + 1, by: daemon.loop)
            #expect(end.count > count)
            let lines = await (try broker.subscriber(authority: settings.caFile)).lines(by: daemon.loop) {
                $0.contains("1 1 jouled/grid/energy_import 1.000")
            }
            #expect(lines.contains("1 1 jouled/grid/energy_import 1.000"))
        }
        let said = daemon.log.messages.filter { !$0.hasSuffix("connection refused") }
        #expect(said == expected + ["mqtt: connected"])
    }

    @Test func distrustsStrangers() async throws {
        let broker = try RealBroker(Self.options)
        try TestAuthority(broker.directory.path).certify("IP:127.0.0.1")
        try broker.start()
        var settings = Configuration.MQTT.local(broker.port)
        settings.usesTLS = true
        let system = RealPublisher(settings)
        try await system.run {
            let first = await system.log.messages(1, by: system.loop).first
            #expect(first == "mqtt: not connected: TLS: the broker's certificate is not trusted, has expired, or is not valid yet")
            await system.loop.sleep(until: system.loop.now + .milliseconds(1500))
        }
        #expect(system.log.messages.count == 1)
        settings.caFile = broker.directory.path + "/missing.crt"
        let missing = RealPublisher(settings)
        try await missing.run {
            let first = await missing.log.messages(1, by: missing.loop).first
            #expect(first == "mqtt: not connected: can't read \(broker.directory.path)/missing.crt: no such file or directory")
        }
    }
}
