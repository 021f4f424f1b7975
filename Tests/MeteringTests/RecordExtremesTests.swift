import Testing

@testable import Metering

private let longest = String(repeating: "7", count: 64)
private let extremes: [Int64] = [0, 1, 999_999_999_999_999_999, 1_000_000_000_000_000_000, .max]
private let times: [Int64] = [.min, -1, 0, 1_795_242_480_000, 253_402_300_799_999, .max]

/// Every record that is written can be read back, whatever the meter sent and whatever a total was set to.
@Suite struct RecordExtremesTests {
    /// The memory of a meter that has sent every register.
    private func memory(_ mantissa: Int64, _ exponent: Int, at time: Int64) -> MeterMemory {
        var state = MeterState()
        state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30))
        let wall = WallTime(millisecondsSince1970: time)
        var registers: [Register] = []
        for c in [1, 2, 3, 4, 9, 10] as [UInt8] {
            for e in 0...4 as ClosedRange<UInt8> {
                registers.append(Register(OBISCode(c, 8, e), .number(Quantity(mantissa, exponent: exponent), .wattHours)))
            }
        }
        for channel in 0...5 as ClosedRange<UInt8> {
            registers.append(Register(OBISCode(0, channel, 24, 1, 0, 255), .text("003")))
            registers.append(Register(OBISCode(0, channel, 96, 1, 0, 255), .text(longest)))
            registers.append(
                Register(OBISCode(0, channel, 24, 2, 1, 255), .number(Quantity(mantissa, exponent: exponent), .cubicMetres)))
        }
        for second in 0..<3 {
            var readout = Readout(registers, at: Instant(nanoseconds: 1_000_000_000_000) + .seconds(second))
            readout.source = .p1
            readout.serial = second == 0 ? longest + "8" : longest
            state.record(readout, of: "grid", wall: wall)
        }
        return state.memories["grid"] ?? MeterMemory()
    }

    @Test func whatAMeterSaidIsReadBack() {
        var isFull = false
        for mantissa in extremes + extremes.map({ -$0 }) + [.min] {
            for exponent in [-21, -18, -15, -4, -3, 0, 9, 12] {
                for time in [times[0], times[3], times[5]] {
                    let memory = memory(mantissa, exponent, at: time)
                    let text = Array(MeterMemoryRecord.text(of: memory).utf8)
                    #expect(text.count <= 4096 && MeterMemoryRecord.limit >= 4096)
                    let back = MeterMemoryRecord.parse(text)
                    #expect(back?.serial == longest && back?.channels.count == 4)
                    #expect(back.map { MeterMemoryRecord.text(of: $0) } == String(decoding: text, as: UTF8.self))
                    isFull = isFull || memory.totals.count == 10 && memory.channels[4]?.totals.count == 1
                }
            }
        }
        #expect(isFull)
    }

    @Test func whatNobodyCanHaveWrittenIsRefused() {
        func parsed(_ line: String) -> MeterMemory? {
            let body = "jouled meter 1\n" + line + "\n"
            let check = String(CheckSum.crc32(Array(body.utf8)), radix: 16)
            return MeterMemoryRecord.parse(
                Array((body + "check " + String(repeating: "0", count: 8 - check.utf8.count) + check + "\n").utf8))
        }
        #expect(parsed("energy_import 5 at 1795242480000") != nil)
        #expect(parsed("energy_import -5 at 1795242480000") == nil)
        #expect(parsed("energy_import 5 at -9223372036854775808") == nil)
        #expect(parsed("serial \(longest)") != nil && parsed("serial \(longest)7") == nil)
    }

    @Test func aTotalThatWasSetIsReadBack() {
        let constants = [Quantity(1), Quantity(999_999, exponent: -6), Quantity(1, exponent: -6), Quantity(1_000_000_000)]
        let totals = ["0", "999999999.999999999", "1000000000", "0.000000001", "123456789.123456789"].compactMap { Quantity($0) }
        for constant in constants {
            for pulses in [0, 1, 999_900_000_000_000] as [Int64] {
                var total = PulseTotal(pulses: pulses, pulsesPerUnit: constant)
                check(total)
                for round in 0..<40 {
                    total.pulses += 1
                    let before = total.total
                    #expect(before.isReadable)
                    total.set(totals[round % totals.count], at: WallTime(millisecondsSince1970: times[round % times.count] &+ Int64(round)))
                    total.pulses += 1_000_000_000
                    check(total)
                }
                total.changePulsesPerUnit(constants[3])
                check(total)
            }
        }
    }

    @Test func aTotalOfTheBrokerIsReadBack() {
        for found in ["0", "999999999.999999999", "0.000000001"].compactMap({ Quantity($0) }) {
            for time in times {
                var total = PulseTotal(
                    pulses: 999_999_999_999_999, base: Quantity("123456.789") ?? found, basePulses: 1, pulsesPerUnit: Quantity(1),
                    origin: .unsettled)
                check(total)
                let isSettled = total.settle(from: found, at: WallTime(millisecondsSince1970: time))
                #expect(isSettled)
                check(total)
            }
        }
    }

    private func check(_ total: PulseTotal) {
        let text = Array(TotalRecord.text(of: total).utf8)
        #expect(text.count <= TotalRecord.limit && TotalRecord.parse(text) == total)
        #expect(total.total.isReadable && !total.total.isNegative)
    }
}

/// Records that the daemon never writes, with a correct checksum.
@Suite struct RecordBoundTests {
    private func signed(_ body: String) -> [UInt8] {
        let check = String(CheckSum.crc32(Array(body.utf8)), radix: 16)
        return Array((body + "check " + String(repeating: "0", count: 8 - check.utf8.count) + check + "\n").utf8)
    }

    struct Total: Sendable {
        var pulses = "5"
        var base = "1 at 5"
        var constant = "1"
        var isRead: Bool
    }

    private static let totals: [Total] = [
        Total(isRead: true), Total(pulses: "4", isRead: false), Total(pulses: "6", isRead: true), Total(base: "1 at 0", isRead: true),
        Total(base: "1 at -1", isRead: false), Total(pulses: "999999999999999", isRead: true),
        Total(pulses: "1000000000000000", isRead: false),
        Total(constant: "0", isRead: false), Total(constant: "-1", isRead: false), Total(constant: "0.000001", isRead: true),
        Total(constant: "0.0000001", isRead: false), Total(constant: "1 1", isRead: false), Total(base: "1 at 5 5", isRead: false),
    ]

    @Test(arguments: totals) func whatIsATotal(_ total: Total) {
        let body = "jouled total 2\npulses \(total.pulses)\nbase \(total.base)\npulses_per_unit \(total.constant)\n"
        #expect((TotalRecord.parse(signed(body)) != nil) == total.isRead)
    }

    /// The count of a correction must not exceed the total's count.
    @Test(arguments: [("0", true), ("5", true), ("6", false), ("-1", false)]) func whatIsACorrection(_ pulses: String, _ isRead: Bool) {
        let body = "jouled total 2\npulses 5\nbase 1 at 5\npulses_per_unit 1\ncorrection 1795242480000 at \(pulses) from - to 1\n"
        #expect((TotalRecord.parse(signed(body)) != nil) == isRead)
    }

    /// A total's record may have at most 2048 bytes.
    @Test func howLongATotalMayBe() {
        var lengths: Set<Int> = []
        for extra in 20...36 {
            var spare = extra
            let corrections = (0..<39).map { _ in
                let digits = 9 + min(9, spare)
                spare -= digits - 9
                return Correction(
                    at: WallTime(millisecondsSince1970: 1_795_242_480_000), before: nil,
                    display: Quantity(String(repeating: "1", count: digits)) ?? Quantity(0), pulses: 1)
            }
            let total = PulseTotal(pulses: 5, base: Quantity(1), pulsesPerUnit: Quantity(1), corrections: corrections)
            let text = Array(TotalRecord.text(of: total).utf8)
            #expect((TotalRecord.parse(text) == total) == (text.count <= 2048), "\(text.count)")
            lengths.insert(text.count)
        }
        #expect(lengths.contains(2048) && lengths.contains(2049), "\(lengths.sorted())")
    }

    /// At most 16384 bytes.
    @Test func howLongAMemoryMayBe() {
        var memory = MeterMemory(serial: "1")
        for channel in 0..<195 as Range<UInt8> { memory.channels[channel] = MeterMemory(serial: String(repeating: "7", count: 64)) }
        var lengths: Set<Int> = []
        for length in 53...58 {
            memory.channels[200] = MeterMemory(serial: String(repeating: "7", count: length))
            let text = Array(MeterMemoryRecord.text(of: memory).utf8)
            #expect((MeterMemoryRecord.parse(text) == memory) == (text.count <= 16_384), "\(text.count)")
            lengths.insert(text.count)
        }
        #expect(lengths.contains(16_384) && lengths.contains(16_385), "\(lengths.sorted())")
    }

    /// The checksum always has eight digits, with leading zeros.
    @Test func checkSums() {
        var firsts: Set<UInt8> = []
        for number in 0..<200 as Range<Int64> {
            let total = PulseTotal(pulses: number, pulsesPerUnit: Quantity(1000))
            let memory = MeterMemory(serial: String(number))
            for text in [TotalRecord.text(of: total), MeterMemoryRecord.text(of: memory)] {
                let digits = Array(text.utf8.suffix(9).dropLast())
                #expect(text.hasSuffix("\ncheck \(String(decoding: digits, as: UTF8.self))\n"))
                firsts.insert(digits[0])
            }
            #expect(TotalRecord.parse(Array(TotalRecord.text(of: total).utf8)) == total)
            #expect(MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: memory).utf8)) == memory)
        }
        #expect(firsts.contains(UInt8(ascii: "0")))
    }
}
