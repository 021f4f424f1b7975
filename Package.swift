// swift-tools-version:6.0
// The architecture: an arrow that is not here can't be imported. C is reached from LinuxIO alone.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The product leaves out the regular expressions, which a stray `contains("text")` would link: 1.2 MB.
let productSettings = settings + [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]

/// Each has a README.md, which says what it promises.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: productSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], scripts: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: scripts, swiftSettings: settings)
}

let package = Package(
    name: "jouled",
    products: [.executable(name: "jouled", targets: ["jouled"])],
    targets: [
        // Pure: values in, values out.
        room("Metering"),
        room("MeterProtocols", ["Metering"]),
        room("Publishing", ["Metering"]),
        room("VirtualMeters", ["Metering", "MeterProtocols"]),
        room("Configuration", ["Metering", "MeterProtocols", "Publishing"]),
        // The actors, and the ports they need.
        room("MeterDaemon", ["Metering", "MeterProtocols", "Publishing", "Configuration"]),
        // Virtual meters behind a port, and virtual pulse lines.
        room("VirtualHardware", ["Metering", "MeterProtocols", "VirtualMeters", "MeterDaemon"]),
        // The ports for real.
        .target(
            name: "CGPIO", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("gpiod")]),
        .target(name: "CTOML"),
        .target(name: "CLinux"),
        .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        room(
            "LinuxIO",
            ["Metering", "MeterProtocols", "Publishing", "Configuration", "MeterDaemon", "CGPIO", "CLinux", "CMosquitto", "CTOML"]),
        .executableTarget(
            name: "jouled",
            dependencies: [
                "Metering", "MeterProtocols", "Publishing", "Configuration", "MeterDaemon", "VirtualMeters", "VirtualHardware", "LinuxIO",
            ],
            exclude: ["README.md"], swiftSettings: productSettings),

        .target(name: "JSONReading", path: "Tests/JSONReading", swiftSettings: settings),
        // The decoders for minutes, by Tests/Real/decoder-test and measure-decoding; with optimisation, as no test target is built.
        .executableTarget(
            name: "DecoderTrials",
            dependencies: ["JSONReading", "Metering", "MeterProtocols", "Publishing", "StateTrial", "VirtualMeters"],
            path: "Tests/DecoderTrials", exclude: ["FuzzTarget.swift", "libsml.c"], swiftSettings: settings),
        // Does with discovery messages what Home Assistant does.
        .target(name: "HomeAssistant", dependencies: ["JSONReading"], path: "Tests/HomeAssistant", swiftSettings: settings),
        // Meters that say what no meter says, from the wire to the broker: in the suite, and by a fuzzer.
        .target(
            name: "StateTrial",
            dependencies: ["HomeAssistant", "JSONReading", "Metering", "MeterProtocols", "Publishing", "VirtualMeters"],
            path: "Tests/StateTrial", swiftSettings: settings),
        // The whole daemon in virtual time; and a day of it, linked as the product is, which Tests/Real/measure times.
        .target(
            name: "SimulatedWorld",
            dependencies: ["HomeAssistant", "Metering", "MeterProtocols", "Publishing", "Configuration", "VirtualMeters", "MeterDaemon"],
            path: "Tests/SimulatedWorld",
            swiftSettings: settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]),
        .executableTarget(
            name: "SimulatedDay", dependencies: ["Metering", "SimulatedWorld"], path: "Tests/SimulatedDay",
            swiftSettings: settings),
        tests("MeteringTests", ["Metering"]),
        tests("MeterProtocolsTests", ["Metering", "MeterProtocols", "VirtualMeters"]),
        tests("PublishingTests", ["HomeAssistant", "JSONReading", "Metering", "Publishing"]),
        tests("VirtualMetersTests", ["Metering", "MeterProtocols", "VirtualMeters"]),
        tests("ConfigurationTests", ["Metering", "MeterProtocols", "Publishing", "Configuration"]),
        tests("MeterDaemonTests", ["Metering", "MeterProtocols", "Publishing", "Configuration", "MeterDaemon"]),
        tests("LinuxIOTests", ["Metering", "MeterProtocols", "Publishing", "Configuration", "MeterDaemon", "LinuxIO"]),
        tests(
            "Simulation",
            [
                "HomeAssistant", "Metering", "MeterProtocols", "Publishing", "Configuration", "StateTrial", "VirtualMeters", "MeterDaemon",
                "SimulatedWorld",
            ],
            scripts: ["Golden"]),
        // Real parts: a pty, a real mosquitto; the scripts try the release binary.
        tests(
            "Real",
            [
                "JSONReading", "Metering", "MeterProtocols", "Publishing", "Configuration", "MeterDaemon", "VirtualMeters",
                "VirtualHardware",
                "CLinux", "LinuxIO",
            ],
            scripts: [
                "binary-test", "broker-test", "checks.sh", "decoder-test", "descriptor-store", "faults.c", "gpio-lab", "gpio-test",
                "home-assistant", "home_assistant.py", "home_assistant_checks.py", "home_assistant_lab.py", "install-test", "measure",
                "measure-decoding", "measure-pulses", "pulse-test", "pulses.c", "save-test", "service-test", "virtual-lines.c",
            ]),
        // The rules of the house that no compiler checks.
        tests("Tidy", []),
    ],
    cxxLanguageStandard: .cxx17
)
