import Configuration
import Testing

@Suite struct RemoteHeadTests {
    @Test(arguments: [
        ("tcp://pi:7970", "pi", 7970, "tcp://pi:7970"),
        ("tcp://Meter-1.Lan:1/", "meter-1.lan", 1, "tcp://meter-1.lan:1"),
        ("tcp://192.168.1.5:65535", "192.168.1.5", 65535, "tcp://192.168.1.5:65535"),
        ("tcp://[fe80::1%Lan]:23", "fe80::1%Lan", 23, "tcp://[fe80::1%Lan]:23"),
    ])
    func addresses(text: String, host: String, port: Int, spelled: String) throws {
        let head = try #require(RemoteHead(text))
        #expect(head.host == host)
        #expect(head.port == port)
        #expect(head.description == spelled)
        #expect(RemoteHead(head.description) == head)
    }

    // Not in the macro: Swift 6.0 crashes on an interpolation there.
    private static let none = [
        "tcp://pi", "tcp://pi:", "tcp://pi:0", "tcp://pi:65536", "tcp://pi:+7", "tcp://pi:7970x", "tcp://:7970", "tcp://", "tcp:/pi:7970",
        "tcp://pi:7970/head", "tcp://fe80::1:7970", "tcp://[fe80::1]", "tcp://[fe80::1", "tcp://[pi]:7970", "tcp://p i:7970",
        "tcp://user@pi:7970", "tcp://\(String(repeating: "a", count: 254)):7970", "/dev/ttyUSB0", "udp://pi:7970", "",
    ]

    @Test(arguments: none)
    func others(text: String) { #expect(RemoteHead(text) == nil) }
}
