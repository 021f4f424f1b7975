import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Testing

/// Certificates that a test makes itself.
private struct TestAuthority {
    static let program = "/usr/bin/openssl"
    let directory: String

    init(_ directory: String) throws {
        self.directory = directory
        try run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=TestCA -keyout \(directory)/ca.key -out \(directory)/ca.crt")
        try run("req -newkey rsa:2048 -nodes -subj /CN=broker -keyout \(directory)/broker.key -out \(directory)/broker.csr")
    }

    /// Signs the broker's certificate for a name.
    func certify(_ name: String) throws {
        let extensions = directory + "/extensions"
        guard let file = fopen(extensions, "w") else { return }
        fputs("subjectAltName=\(name)\n", file)
        fclose(file)
        try run(
            "x509 -req -days 2 -in \(directory)/broker.csr -CA \(directory)/ca.crt -CAkey \(directory)/ca.key -CAcreateserial"
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

    /// A certificate that is not trusted ends libmosquitto's own thread for good: the link must live on and find the new one.
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
            #expect(first == "mqtt: not connected: TLS: the broker's certificate is for another name than 127.0.0.1")
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

    @Test func namesABrokerWithoutTLS() async throws {
        let broker = try RealBroker(["allow_anonymous true"])
        try broker.start()
        var settings = Configuration.MQTT.local(broker.port)
        settings.usesTLS = true
        let daemon = RealPublisher(settings)
        try await daemon.run {
            let first = await daemon.log.messages(1, by: daemon.loop).first
            #expect(first == "mqtt: not connected: TLS: the broker does not speak it at port \(broker.port)")
        }
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
            #expect(first == "mqtt: not connected: TLS: the broker's certificate is not trusted")
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
