import Metering
import Publishing
import Testing

@Suite struct DecodedTelegramJSONTests {
    @Test func writesALine() {
        let registers = [
            Register(OBISCode(1, 8, 0), .number(Quantity(334_022_640, exponent: -4), .kilowattHours)),
            Register(OBISCode(13, 7, 0), .number(Quantity(-98, exponent: -2), nil)), Register(OBISCode(1, 0, 96, 50, 1, 1), .text("I\"SK")),
        ]
        var readout = Readout(registers, manufacturer: "ISK", at: Instant(nanoseconds: 0))
        readout.serial = "1"
        #expect(
            JSON.decoded(readout).description == #"{"protocol":"iec62056","manufacturer":"ISK","serial":"1","registers":["#
                + #"{"obis":"1-0:1.8.0*255","value":33402.2640,"unit":"kWh"},{"obis":"1-0:13.7.0*255","value":-0.98},"#
                + #"{"obis":"1-0:96.50.1*1","text":"I\"SK"}]}"#)
        var bare = Readout([], at: Instant(nanoseconds: 0))
        bare.source = .d0Push
        #expect(JSON.decoded(bare).description == #"{"protocol":"d0-push","registers":[]}"#)
    }
}
