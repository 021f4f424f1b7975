import Testing

@testable import MeterProtocols

@Suite struct PulseMarkTests {
    @Test func extremesAreReadBack() {
        for pulses in [0, 1, 999_999_999_999_999] as [Int64] {
            for number in [0, .max] as [UInt64] {
                for since in [.min, 0, .max] as [Int64] {
                    let mark = PulseMark(pulses: pulses, request: number, position: LinePosition(number: number, since: since))
                    #expect(PulseMark(mark.words) == mark)
                }
            }
        }
    }

    @Test func whatNoInputCountsIsNoMark() {
        for pulses in [.min, -1, 1_000_000_000_000_000, .max] as [Int64] {
            #expect(PulseMark(PulseMark(pulses: pulses, request: 0, position: LinePosition()).words) == nil)
        }
    }
}
