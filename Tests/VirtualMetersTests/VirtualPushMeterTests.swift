import MeterProtocols
import Metering
import Testing
import VirtualMeters

private let start = Instant(nanoseconds: 0)

@Suite struct VirtualPushMeterTests {
    private func meter(_ kind: VirtualPushMeter.Kind, watts: Int64, faults: [Fault] = []) -> VirtualPushMeter {
        let household = Household(seed: 1, profile: .steady(watts: watts), startedAt: start)
        return VirtualPushMeter(
            kind, household: household, faults: faults, seed: 1, startedAt: start, importWattHours: 1_000, exportWattHours: 2_000)
    }

    private func readouts(_ meter: inout VirtualPushMeter, seconds: Int) -> [Readout] {
        var decoder = AutoDecoder()
        return meter.advance(to: start + .seconds(seconds)).flatMap { emission in
            decoder.push(emission.bytes, at: emission.end).compactMap { if case .readout(let readout) = $0 { readout } else { nil } }
        }
    }

    @Test(arguments: VirtualPushMeter.Kind.allCases, [3_600, -3_600] as [Int64])
    func saysWhatFlowed(_ kind: VirtualPushMeter.Kind, watts: Int64) throws {
        var meter = meter(kind, watts: watts)
        let readouts = readouts(&meter, seconds: 10)
        #expect(readouts.count == 10)
        let registers = try #require(readouts.last).canonicalRegisters
        func number(_ code: OBISCode, _ unit: Unit) -> Quantity? {
            guard case .number(let number, let own?)? = registers.first(where: { $0.code == code })?.value else { return nil }
            return own.exponent(to: unit).map { number.scaled(by: $0) }
        }
        let (imported, exported) = watts > 0 ? (1_010, 2_000) : (1_000, 2_010)
        #expect(number(OBISCode(1, 8, 0), .wattHours)?.units(of: 0) == Int64(imported))
        #expect(number(OBISCode(2, 8, 0), .wattHours)?.units(of: 0) == Int64(exported))
        if kind == .p1 {
            #expect(number(OBISCode(watts > 0 ? 1 : 2, 7, 0), .watts)?.units(of: 0) == 3_600)
        } else {
            #expect(number(OBISCode(16, 7, 0), .watts)?.units(of: 0) == watts)
        }
        #expect(kind != .sml || readouts.last?.direction == (watts > 0 ? .importing : .exporting))
    }

    @Test func faults() {
        var noisy = meter(.sml, watts: 1, faults: [.leadingNoise, .silentAfter(.seconds(4)), .echo])
        #expect(readouts(&noisy, seconds: 10).count == 3 && noisy.nextDeadline == nil)
        #expect(noisy.received([1, 2], at: start, lineSpeed: .b9600).map(\.bytes) == [[1, 2]])
        var parity = meter(.modeD, watts: 1, faults: [.eightBit])
        #expect(readouts(&parity, seconds: 3).count == 3)
        var lossy = meter(.p1, watts: 1, faults: [.dropBytes(rate: 0.01)])
        #expect(readouts(&lossy, seconds: 10).count < 10)
    }

    /// One flipped bit per thousand characters, with parity, for five minutes: every delivered value was sent.
    @Test(arguments: VirtualPushMeter.Kind.allCases)
    func aDisturbedLine(_ kind: VirtualPushMeter.Kind) {
        var disturbed = meter(kind, watts: 700, faults: [.eightBit, .bitErrors(rate: 0.000125)])
        var clean = meter(kind, watts: 700, faults: [.eightBit])
        var session = PushSession(MeterProtocol(rawValue: kind == .modeD ? "d0-push" : kind.rawValue))
        _ = session.opened(start)
        var truth: Set<[Register]> = []
        var delivered = 0
        var noise = 0
        for second in stride(from: 60, through: 300, by: 60) {
            let now = start + .seconds(second)
            for readout in clean.advance(to: now).flatMap({ emission -> [Finding] in
                var decoder = AutoDecoder()
                return decoder.push(emission.bytes, at: now)
            }) {
                if case .readout(let readout) = readout { truth.insert(readout.registers) }
            }
            for emission in disturbed.advance(to: now) {
                for action in session.received(emission.bytes, now) {
                    switch action {
                    case .deliver(let readout):
                        delivered += 1
                        if !truth.contains(readout.registers) { Issue.record("\(readout.registers)") }
                    case .noise: noise += 1
                    default: break
                    }
                }
            }
        }
        #expect(delivered > 150 && noise > 5)
    }
}
