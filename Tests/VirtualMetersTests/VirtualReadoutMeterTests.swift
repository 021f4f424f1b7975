import MeterProtocols
import Metering
import Testing
import VirtualMeters

private let start = Instant(nanoseconds: 1_000_000_000)

/// Meters of modes A and B in dialogue with our session.
@Suite struct VirtualReadoutMeterTests {
    private func meter(_ kind: VirtualReadoutMeter.Kind, _ faults: [Fault]) -> VirtualReadoutMeter {
        VirtualReadoutMeter(
            kind, household: Household(seed: 1, profile: .steady(watts: 0), startedAt: start), faults: faults, seed: 1, startedAt: start,
            importWattHours: 4_321)
    }

    /// Simulates the line until something is delivered, for at most a minute.
    private func read(_ kind: VirtualReadoutMeter.Kind, _ faults: [Fault]) -> (readout: Readout, at: Instant)? {
        var meter = meter(kind, faults)
        var session = ReadoutSession(plan: ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0)], every: .seconds(1)))
        var (now, speed) = (start, BaudRate.b9600)
        var arriving: [(byte: UInt8, speed: BaudRate, at: Instant)] = []
        var actions = session.opened(now)
        while now - start < .seconds(60) {
            for action in actions {
                switch action {
                case .deliver(let readout): return (readout, now)
                case .apply(let settings): speed = settings.speed
                case .send(let bytes):
                    let sent = now + LineSettings(speed).duration(of: bytes.count)
                    for emission in meter.received(bytes, at: sent, lineSpeed: speed) {
                        arriving += emission.bytes.indices.map { (emission.bytes[$0], emission.speed, emission.completion(of: $0)) }
                    }
                case .noise, .problem: break
                }
            }
            if let next = arriving.first, session.deadline.map({ next.at <= $0 }) ?? true {
                arriving.removeFirst()
                now = max(now, next.at)
                actions = session.received(heard([next.byte], sentAt: next.speed, heardAt: speed), now)
            } else {
                now = max(now, session.deadline ?? start + .seconds(60))
                actions = session.timedOut(now)
            }
        }
        return nil
    }

    @Test(
        arguments: VirtualReadoutMeter.Kind.allCases,
        [[], [.echo], [.eightBit], [.leadingNoise], [.wrongBCCOnce], [.bitErrors(rate: 0.0002)]] as [[Fault]])
    func isRead(_ kind: VirtualReadoutMeter.Kind, _ faults: [Fault]) throws {
        let (readout, at) = try #require(read(kind, faults))
        #expect(readout.manufacturer == "VRT" && readout.model?.hasSuffix("-0001") == true)
        #expect(readout[OBISCode(1, 8, 0)] == .number(Quantity(4_321, exponent: -3), .kilowattHours))
        #expect(readout.registers.count == 9 && readout.number == "12345678")
        // About 200 characters: seven seconds at 300 Bd, one at 2400 Bd.
        #expect(!faults.isEmpty || (kind == .modeA ? at - start > .seconds(7) : at - start < .seconds(5)))
    }

    @Test func fallsSilent() { #expect(read(.modeB, [.silentAfter(.zero)]) == nil) }

    @Test func answersToItsAddress() {
        for (address, answers) in [("", true), ("12345678", true), ("12345679", false)] {
            var meter = meter(.modeA, [])
            let bytes = Array("/?\(address)!\r\n".utf8)
            #expect(meter.received(bytes, at: start + .seconds(1), lineSpeed: .b300).isEmpty == !answers)
        }
    }
}
