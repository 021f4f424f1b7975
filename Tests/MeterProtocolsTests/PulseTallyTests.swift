import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// A debounced line with the kernel's edge numbers; each test decides which edges the reader gets.
private struct Train {
    var level = Edge.Direction.rising
    var number: UInt64 = 0
    var now = Instant(nanoseconds: 1_000_000_000)

    mutating func edge() -> Edge {
        level = level == .rising ? .falling : .rising
        number += 1
        now = now + .milliseconds(30)
        return Edge(level, at: now, number: number)
    }

    mutating func edges(_ count: Int) -> [Edge] { (0..<count).map { _ in edge() } }
}

/// The kernel's debouncing: it reads the line some time after each change, and skips a change if the next one comes earlier.
private struct LateKernel {
    var edges: [Edge] = []
    private var isActive = false
    private var changed: (isActive: Bool, look: Int64)?

    mutating func change(_ isActive: Bool, at: Int64, late: Int64) {
        look(before: at)
        changed = (isActive, at + late)
    }

    mutating func look(before now: Int64 = .max) {
        guard let change = changed, change.look <= now else { return }
        changed = nil
        guard change.isActive != isActive else { return }
        isActive = change.isActive
        edges.append(Edge(isActive ? .falling : .rising, at: Instant(nanoseconds: change.look), number: UInt64(edges.count) + 1))
    }
}

private func tally(isDebounced: Bool = true, at position: LinePosition? = LinePosition(), counted: Int64 = 0) -> PulseTally {
    var tally = PulseTally(active: .falling, minPulse: .milliseconds(20), counted: counted)
    tally.begin(isDebounced: isDebounced, at: position)
    return tally
}

@Suite struct PulseTallyTests {
    @Test(arguments: [false, true]) func countsWhatEnds(isDebounced: Bool) {
        var train = Train()
        var tally = tally(isDebounced: isDebounced, counted: 100)
        for edge in train.edges(21) { tally.push(edge) }
        #expect(tally.reading.counted == 110)
        #expect(tally.reading.recovered == 0)
        #expect(tally.reading.lost == 0)
        #expect(tally.reading.lastPulse == train.now - .milliseconds(60))
        #expect(tally.reading.pulseBefore == train.now - .milliseconds(120))
        #expect(tally.position == LinePosition(number: 21, activeSince: train.now))
    }

    /// Whichever edges are missing, the total equals the number of pulses sent.
    @Test func gapsAreCountedAsTheyWere() {
        for start in 0..<4 {
            for missing in 0..<9 {
                for isActive in [false, true] {
                    var train = Train()
                    // If the request begins within a pulse, the first edge ends it.
                    if isActive { train.level = .falling }
                    var tally = tally()
                    for edge in train.edges(start) { tally.push(edge) }
                    _ = train.edges(missing)
                    for edge in train.edges(5) { tally.push(edge) }
                    let sent = (start + missing + 5 + (isActive ? 1 : 0)) / 2
                    #expect(tally.reading.counted == Int64(sent), "\(start) \(missing) \(isActive)")
                    #expect(tally.reading.recovered <= Int64(missing + 1) / 2)
                    #expect((tally.reading.recovered > 0) == (missing > 1 || missing == 1 && tally.reading.recovered == 1))
                    #expect(tally.reading.lost == 0)
                }
            }
        }
    }

    /// A process stops at any point, even within a pulse, and the next one continues at its position.
    @Test func nobodyCountsTwiceOrNotAtAll() throws {
        for stop in 0..<6 {
            for unread in 0..<6 {
                for isDebounced in [true, false] where isDebounced || unread == 0 {
                    var train = Train()
                    var first = tally(isDebounced: isDebounced)
                    for edge in train.edges(stop) { first.push(edge) }
                    let mark = PulseMark(pulses: first.reading.counted, request: 7, position: first.position)
                    let known = try #require(PulseMark(mark.words))
                    #expect(known == mark)
                    _ = train.edges(unread)
                    var second = tally(isDebounced: isDebounced, at: known.position, counted: known.pulses)
                    for edge in train.edges(4) { second.push(edge) }
                    #expect(second.reading.counted == Int64(stop + unread + 4) / 2, "\(stop) \(unread) \(isDebounced)")
                }
            }
        }
    }

    /// Pending edges without the previous position: edges that the previous process may have read are not counted again.
    @Test func withoutAMarkItCountsFromWhatWaits() {
        var train = Train()
        _ = train.edges(11)
        var tally = tally(at: nil)
        for edge in train.edges(4) { tally.push(edge) }
        // The twelfth edge ends a pulse whose beginning the previous process saw.
        #expect(tally.reading.counted == 2)
        #expect(tally.reading.recovered == 0)
    }

    /// Half-waves of 50 Hz that passed the kernel's debouncing.
    @Test func humIsNoPulse() {
        var tally = tally()
        for index in 1...40 {
            let at = Instant(nanoseconds: Int64(index) * 10_000_000)
            tally.push(Edge(index % 2 == 1 ? .falling : .rising, at: at, number: UInt64(index)))
        }
        #expect(tally.reading.counted == 0)
        #expect(tally.position.number == 40)
    }

    @Test func aPulseWhoseBeginningWasSeenLateCounts() {
        var kernel = LateKernel()
        for (beginning, late) in [(1000, 11), (1060, 29), (2000, 29), (2060, 11)] as [(Int64, Int64)] {
            kernel.change(true, at: beginning * 1_000_000, late: late * 1_000_000)
            kernel.change(false, at: (beginning + 30) * 1_000_000, late: 11_000_000)
        }
        kernel.look()
        #expect(kernel.edges.count == 8)
        var whole = tally()
        for edge in kernel.edges { whole.push(edge) }
        #expect(whole.reading.counted == 4)
        // The next process may take over anywhere.
        for stop in 0...8 {
            var first = tally()
            for edge in kernel.edges.prefix(stop) { first.push(edge) }
            var second = tally(at: first.position, counted: first.reading.counted)
            for edge in kernel.edges.dropFirst(stop) { second.push(edge) }
            #expect(second.reading.counted == 4, "\(stop)")
        }
    }

    /// However late the kernel reads the line: every pulse that it saw and that is at least `minPulse` long is counted.
    @Test(arguments: [20, 30] as [Int64])
    func whatTheKernelHasSeenCounts(shortest: Int64) {
        var dice = SeededGenerator(seed: UInt64(shortest))
        for longest in [12, 20, 30, 60] as [Int64] {
            var kernel = LateKernel()
            var now: Int64 = 1_000_000_000
            for index in 0..<20_000 {
                let late = Int64.random(in: 10_000_000...longest * 1_000_000, using: &dice)
                // The first edge is always read with the minimum delay.
                kernel.change(index % 2 == 0, at: now, late: index == 0 ? 10_000_000 : late)
                now += Int64.random(in: shortest * 1_000_000...2 * shortest * 1_000_000, using: &dice)
            }
            kernel.look()
            var tally = tally()
            for edge in kernel.edges { tally.push(edge) }
            #expect(tally.reading.counted == Int64(kernel.edges.count / 2), "\(longest)")
            #expect(longest > shortest || kernel.edges.count == 20_000, "\(longest)")
        }
    }

    @Test func edgesThatComeTwiceCountOnce() {
        var train = Train()
        var tally = tally()
        let edges = train.edges(10)
        for edge in edges + edges { tally.push(edge) }
        #expect(tally.reading.counted == 5)
    }

    /// Without debouncing a gap may be bounce: nothing is counted, but the lost edges give an upper bound.
    @Test func whatMayBeBounceIsNotCounted() {
        var train = Train()
        var tally = tally(isDebounced: false)
        for edge in train.edges(10) { tally.push(edge) }
        _ = train.edges(20)
        for edge in train.edges(10) { tally.push(edge) }
        #expect(tally.reading.counted == 10)
        #expect(tally.reading.lost == 10)
    }

    @Test func aFullQueueIsBounded() {
        var train = Train()
        train.number = 0
        var tally = tally(isDebounced: false)
        for edge in train.edges(16) { tally.push(Edge(edge.direction, at: edge.at)) }
        #expect(tally.reading.counted == 8)
        #expect(tally.overflowed(now: train.now + .seconds(30)) == 750)
        #expect(tally.reading.lost == 750)
        #expect(tally.overflowed(now: train.now - .seconds(1)) == 0)
    }

    @Test func marksThatAreDamagedAreNone() {
        let mark = PulseMark(pulses: 12, request: 34, position: LinePosition(number: 56, activeSince: Instant(nanoseconds: 78)))
        #expect(PulseMark(mark.words) == mark)
        #expect(MemoryLayout<PulseMark.Words>.size == PulseMark.size)
        for bit in 0..<PulseMark.size * 8 {
            var words = mark.words
            withUnsafeMutableBytes(of: &words) { $0[bit / 8] ^= 1 << UInt8(bit % 8) }
            #expect(PulseMark(words) == nil)
        }
        #expect(PulseMark((0, 0, 0, 0, 0, 0)) == nil)
        // The words of two marks mixed, as after an interrupted write.
        let next = PulseMark(pulses: 13, request: 34, position: LinePosition(number: 58))
        // Both begin with the same words.
        for cut in stride(from: 16, to: PulseMark.size, by: 8) {
            var words = mark.words
            withUnsafeMutableBytes(of: &words) { torn in withUnsafeBytes(of: next.words) { torn.copyBytes(from: $0.prefix(cut)) } }
            #expect(PulseMark(words) == nil)
        }
    }

    // MARK: Results of single edges

    /// Edges by number, the new level, the time in milliseconds, and the result.
    private static let numbered: [(number: UInt64, toActive: Bool, at: Int64, news: PulseTally.News)] = [
        (1, true, 1000, .nothing), (2, false, 1030, .pulse), (2, false, 1030, .nothing), (3, true, 1040, .nothing),
        // Hum counts nothing, but the position after it must be saved.
        (4, false, 1050, .place), (5, true, 2000, .nothing), (8, false, 3000, .more), (9, true, 4000, .nothing), (12, false, 5000, .more),
        (13, true, 5100, .nothing), (14, false, 5200, .pulse), (17, true, 5300, .more),
    ]

    @Test func whatANumberedEdgeChanges() {
        var tally = tally()
        for (number, toActive, at, news) in Self.numbered {
            #expect(tally.push(Edge(toActive ? .falling : .rising, at: Instant(nanoseconds: at * 1_000_000), number: number)) == news)
        }
        // Edges 2, 6, 8, 10, 12, 14 and 16 ended a pulse; 4 was hum. 6, 10 and 16 were not seen.
        #expect(tally.reading.counted == 7 && tally.reading.recovered == 3 && tally.reading.lost == 0)
        #expect(tally.position == LinePosition(number: 17, activeSince: Instant(nanoseconds: 5_300_000_000)))
    }

    private static let unfiltered: [(number: UInt64, toActive: Bool, at: Int64, news: PulseTally.News)] = [
        (1, true, 1000, .place), (2, false, 1030, .pulse), (3, true, 1031, .place), (4, false, 1032, .place), (5, true, 1100, .place),
        // Edge 7 is missing and may have ended a pulse.
        (6, false, 1130, .pulse), (8, true, 1200, .more), (9, false, 1230, .pulse), (10, true, 1300, .place), (13, false, 1330, .more),
        (14, true, 1400, .place), (18, false, 1430, .more),
        // The same level twice after a long time: the edge in between was lost.
        (19, false, 1500, .more), (20, false, 1501, .place),
    ]

    @Test func whatAnEdgeThatIsNotDebouncedChanges() {
        var tally = tally(isDebounced: false)
        for (number, toActive, at, news) in Self.unfiltered {
            let found = tally.push(Edge(toActive ? .falling : .rising, at: Instant(nanoseconds: at * 1_000_000), number: number))
            #expect(found == news, "\(number)")
        }
        #expect(tally.reading.counted == 5 && tally.reading.recovered == 0)
        // 1 before edge 8, 1 before 13, 2 before 18, 1 before 19.
        #expect(tally.reading.lost == 5)
    }

    /// Edges without numbers are all numbered 0, so no gap is assumed.
    @Test func edgesWithoutNumbersLoseNothing() {
        var tally = tally(isDebounced: false, at: nil)
        for index in 0..<6 {
            tally.push(Edge(index % 2 == 0 ? .falling : .rising, at: Instant(nanoseconds: Int64(index + 1) * 30_000_000)))
        }
        #expect(tally.reading.counted == 3 && tally.reading.lost == 0)
    }

    /// The power is computed from the interval between two pulses, which is unknown for unseen pulses.
    @Test func afterAGapTheIntervalIsUnknown() {
        var tally = tally()
        for (number, at) in [(1, 1000), (2, 1030), (3, 2000), (4, 2030)] as [(UInt64, Int64)] {
            tally.push(Edge(number % 2 == 1 ? .falling : .rising, at: Instant(nanoseconds: at * 1_000_000), number: number))
        }
        #expect(tally.reading.pulseBefore == Instant(nanoseconds: 1_000_000_000))
        #expect(tally.reading.lastPulse == Instant(nanoseconds: 2_000_000_000))
        tally.push(Edge(.rising, at: Instant(nanoseconds: 9_000_000_000), number: 8))
        #expect(tally.reading.pulseBefore == nil && tally.reading.lastPulse == Instant(nanoseconds: 9_000_000_000))
    }

    /// How many pulses and pauses of 20 ms fit into the time since the newest edge; before the first edge there is no reference.
    @Test(arguments: [(0, 0), (39_999_999, 0), (40_000_000, 1), (79_999_999, 1), (80_000_000, 2), (-40_000_000, 0)] as [(Int64, Int64)])
    func whatAFullQueueMayHaveLost(_ nanoseconds: Int64, _ lost: Int64) {
        var tally = tally(isDebounced: false)
        #expect(tally.overflowed(now: Instant(nanoseconds: .max)) == 0)
        let edge = Instant(nanoseconds: 1_000_000_000)
        tally.push(Edge(.falling, at: edge))
        #expect(tally.overflowed(now: edge + .nanoseconds(nanoseconds)) == lost && tally.reading.lost == lost)
        tally.begin(isDebounced: false, at: nil)
        #expect(tally.overflowed(now: Instant(nanoseconds: .max)) == 0, "of another request")
    }

    @Test func withoutAShortestPulseTheBoundIsWide() {
        var tally = PulseTally(active: .falling, minPulse: .zero, counted: 0)
        tally.begin(isDebounced: false, at: nil)
        tally.push(Edge(.falling, at: Instant(nanoseconds: 100)))
        #expect(tally.overflowed(now: Instant(nanoseconds: 107)) == 7)
        #expect(tally.overflowed(now: Instant(nanoseconds: 100)) == 0 && tally.overflowed(now: Instant(nanoseconds: 99)) == 0)
    }

    @Test func countsThatCanNotGoOnStay() {
        var tally = tally(counted: .max - 1)
        var train = Train()
        for edge in train.edges(6) { tally.push(edge) }
        #expect(tally.reading.counted == .max)
    }
}
