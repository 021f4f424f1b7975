/// A step of a counter: it came after `after`, and at `by` at the latest.
struct CounterStep: Sendable, Equatable {
    var count: Int64
    var after: Instant
    var by: Instant

    var middle: Instant { Instant(nanoseconds: after.nanoseconds + (by.nanoseconds - after.nanoseconds) / 2) }
}

/// The lines that pass all brackets of the newest steps of a counter: each is a constant rate that would explain what was seen.
///
/// Every two steps bound the time from one count to the next, and all their bounds together are the lines' (in one dimension, intervals that
/// meet in pairs meet all together). The stretch of steps that is explained ends where no line is left, or where so few are left
/// that hardly any constant rate would have done it.
struct SteadyLine: Sendable {
    /// Bounds of the seconds per count, from the newest step back to one older.
    struct Reach: Sendable {
        /// Index of the oldest step.
        var oldest: Int
        /// Counts between it and the newest.
        var counts: Double
        var shortest: Double
        var longest: Double

        var middle: Double { (shortest + longest) / 2 }
        /// Half of the width, relative to the middle.
        var error: Double { (longest - shortest) / (longest + shortest) }
    }

    /// Each with one step more than the one before. Empty where no line passes the newest two.
    private(set) var reaches: [Reach] = []
    /// The rate grows by this share of itself, twice, in each second.
    private(set) var bend = 0.0
    /// All steps are explained.
    private(set) var isWhole = true
    /// Of each step but the newest: the bounds that it and all newer ones make in pairs. What two steps say stays as it is.
    private var bounds: [Bounds] = []

    /// Of the lines between the first and the last bracket, so many are left by those between when the rate is constant: more than
    /// this, but for one in some hundred cases (found by simulation; the share shrinks slowly with the number of steps).
    private static let leastRoom = 0.35
    /// A rate that grows or falls by 0.1 to 0.8 % of itself in a second, there and back. Slower is as good as straight, faster as a step.
    private static let bends = [0.0005, -0.0005, 0.001, -0.001, 0.002, -0.002, 0.004, -0.004]
    /// A bent line must explain that many times the counts, or it is only a line with more freedom.
    private static let bentGain = 1.3
    private static let bentCounts = 4.0
    private static let bentSeconds = 10.0

    init() {}

    /// `old`: the line through all but the newest of these steps, and whatever was before them. It saves most of the work, and changes nothing.
    init(through steps: [CounterStep], extending old: SteadyLine? = nil) {
        guard let newest = steps.last, steps.count >= 2 else { return }
        let boxes = steps.map { Box($0, from: newest) }
        if let old {
            bounds = old.bounds.suffix(steps.count - 2) + [Bounds()]
            for oldest in bounds.indices { bounds[oldest].narrow(boxes[oldest], boxes[boxes.count - 1]) }
        } else {
            bounds = boxes.indices.dropLast().map { Self.bounds(of: $0, boxes) }
        }
        reaches = Self.reaches(boxes) { bounds[$0] }
        isWhole = reaches.count == steps.count - 1
        guard !isWhole, let straight = reaches.last, straight.counts >= Self.bentCounts else { return }
        guard -boxes[straight.oldest].after >= Self.bentSeconds else { return }
        var most = straight.counts * Self.bentGain
        for bend in Self.bends {
            // Further back than this a rate that grows would be near 0 or below; one that falls has no such limit.
            let horizon = -0.4 / max(bend, 0)
            let first = boxes.firstIndex { $0.after >= horizon } ?? 0
            guard let needed = boxes.lastIndex(where: { -$0.count > most }), first <= needed else { continue }
            let curve = boxes.map { $0.bent(bend) }
            guard Self.mayReach(needed, curve) else { continue }
            let bent = Self.reaches(curve, from: first) { Self.bounds(of: $0, curve) }
            guard let longest = bent.last, longest.counts > most else { continue }
            most = longest.counts
            (reaches, self.bend) = (bent, bend)
        }
    }

    /// The shortest reach that is good enough, or the longest. Short ones follow a load that is not quite constant.
    func best(error: Double) -> Reach? {
        reaches.first { $0.counts >= 2 && $0.error <= error } ?? reaches.last
    }

    private struct Box {
        var count: Double
        var after: Double
        var by: Double

        init(_ step: CounterStep, from newest: CounterStep) {
            let origin = newest.by
            count = Double(step.count - newest.count)
            after = step.after.seconds(since: origin)
            by = step.by.seconds(since: origin)
        }

        /// On a time scale on which a rate that bends is constant.
        func bent(_ bend: Double) -> Box {
            var box = self
            box.after = after + bend * after * after
            box.by = by + bend * by * by
            return box
        }
    }

    /// Of the seconds per count.
    private struct Bounds {
        var shortest = 0.0
        var longest = Double.infinity

        mutating func narrow(_ old: Box, _ new: Box) {
            let counts = new.count - old.count
            if new.after - old.by > shortest * counts { shortest = (new.after - old.by) / counts }
            if new.by - old.after < longest * counts { longest = (new.by - old.after) / counts }
        }
    }

    private static func bounds(of oldest: Int, _ boxes: [Box]) -> Bounds {
        var bounds = Bounds()
        for newer in boxes[oldest...].dropFirst() { bounds.narrow(boxes[oldest], newer) }
        return bounds
    }

    /// By the pairs that it makes and those of the newest: few of all, and most often enough to see that no line passes them.
    private static func mayReach(_ oldest: Int, _ boxes: [Box]) -> Bool {
        var bounds = bounds(of: oldest, boxes)
        for older in boxes[oldest...].dropLast() { bounds.narrow(older, boxes[boxes.count - 1]) }
        return bounds.longest >= bounds.shortest
    }

    private static func reaches(_ boxes: [Box], from first: Int = 0, bounds: (Int) -> Bounds) -> [Reach] {
        var reaches: [Reach] = []
        reaches.reserveCapacity(boxes.count)
        var (shortest, longest) = (0.0, Double.infinity)
        let newest = boxes[boxes.count - 1]
        for oldest in stride(from: boxes.count - 2, through: first, by: -1) {
            let (old, all) = (boxes[oldest], bounds(oldest))
            shortest = max(shortest, all.shortest)
            longest = min(longest, all.longest)
            let counts = newest.count - old.count
            let width = (newest.by - newest.after + old.by - old.after) / 2
            guard longest >= shortest, longest > 0 else { break }
            // Of the newest two it is all that their brackets have.
            if (longest - shortest) / 2 * counts < leastRoom * width { break }
            reaches.append(Reach(oldest: oldest, counts: counts, shortest: shortest, longest: longest))
        }
        return reaches
    }
}
