import Metering
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

    /// The format on disk: marks written by an older version must stay readable.
    @Test func theWordsNeverChange() {
        let title = "jouled".utf8.reduce(0 as UInt64) { $0 << 8 | UInt64($1) } << 16 | 2
        let counting = PulseMark(pulses: 12, request: 34, position: LinePosition(number: 56, activeSince: Instant(nanoseconds: 78)))
        #expect(counting.words == (title, 12, 34, 56, 78, 0xEE40_104A_800D_A29B))
        let resting = PulseMark(pulses: 12, request: 34, position: LinePosition(number: 56))
        #expect(resting.words == (title, 12, 34, 56, 1 << 63, 0xB236_E0AB_10F3_3414))
        #expect(PulseMark.size == 6 * 8)
    }
}
