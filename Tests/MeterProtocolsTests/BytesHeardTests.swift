import Testing

@testable import MeterProtocols

@Suite struct BytesHeardTests {
    private let usual = LineSettings(.b9600, .eightNone)
    private let slow = LineSettings(.b2400, .eightNone)

    @Test func countsAtEachSpeed() {
        var heard = BytesHeard(isSpeedKnown: true)
        heard.add(5)
        #expect(heard.isSilent && heard.description.isEmpty, "nobody listens")
        heard.listen(at: usual)
        #expect(heard.isSilent && heard.description == "no data at 9600 Bd 8N1" && heard.speeds == [usual: false])
        heard.add(1)
        heard.add(2)
        #expect(!heard.isSilent && heard.description == "3 bytes at 9600 Bd 8N1, but no telegram" && heard.speeds == [usual: true])
        heard.listen(at: slow)
        heard.add(7)
        #expect(heard.description == "3 bytes at 9600 Bd 8N1, but no telegram; 7 bytes at 2400 Bd 8N1, but no telegram")
        #expect(heard.speeds == [usual: true, slow: true])
    }

    /// What was received at this speed in an earlier turn was noise.
    @Test func listensAnew() {
        var heard = BytesHeard(isSpeedKnown: true)
        heard.listen(at: usual)
        heard.add(3)
        heard.listen(at: slow)
        heard.add(7)
        heard.listen(at: usual)
        #expect(heard.description == "no data at 9600 Bd 8N1; 7 bytes at 2400 Bd 8N1, but no telegram" && !heard.isSilent)
        heard.add(4)
        #expect(heard.description == "4 bytes at 9600 Bd 8N1, but no telegram; 7 bytes at 2400 Bd 8N1, but no telegram")
    }

    /// Once a speed has delivered a telegram, the other speeds no longer matter.
    @Test(arguments: [0, 1]) func aTelegramEndsTheSearch(_ place: Int) {
        var heard = BytesHeard(isSpeedKnown: true)
        heard.reset()
        #expect(heard.description.isEmpty)
        heard.listen(at: usual)
        heard.add(3)
        heard.listen(at: slow)
        heard.add(7)
        heard.listen(at: place == 0 ? usual : slow)
        heard.add(9)
        heard.reset()
        #expect(heard.isSilent && heard.description == "no data at \(place == 0 ? 9600 : 2400) Bd 8N1")
        heard.add(2)
        #expect(heard.description == "2 bytes at \(place == 0 ? 9600 : 2400) Bd 8N1, but no telegram")
        heard.listen(at: place == 0 ? slow : usual)
        heard.add(1)
        #expect(heard.speeds == [usual: true, slow: true])
    }

    @Test func countsEndSomewhere() {
        var heard = BytesHeard(isSpeedKnown: false)
        heard.listen(at: usual)
        heard.add(.max)
        heard.add(1)
        #expect(heard.description == "\(Int.max) bytes, but no telegram")
        heard.listen(at: usual)
        #expect(heard.description == "no data")
    }
}
