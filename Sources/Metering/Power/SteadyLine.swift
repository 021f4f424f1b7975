/// A step of a counter, which occurred after `after` and no later than `by` (its bracket).
struct CounterStep: Sendable, Equatable {
    var count: Int64
    /// The lowest count that was certainly reached in the bracket; less than `count` if several counts were.
    var first: Int64
    var after: Instant
    var by: Instant

    init(count: Int64, first: Int64? = nil, after: Instant, by: Instant) {
        (self.count, self.first, self.after, self.by) = (count, first ?? count, after, by)
    }

    var middle: Instant { Instant(nanoseconds: after.nanoseconds + (by.nanoseconds - after.nanoseconds) / 2) }
}

/// The straight lines (counts over time) that pass through the brackets of a counter's newest steps. Each line is a constant rate that
/// explains the readings.
///
/// Each pair of steps bounds the time per count, and a line must satisfy the bounds of every pair (intervals of numbers that intersect
/// pairwise have a common point). The range of explained steps ends where no line is left, or so few that a constant rate is very unlikely.
struct SteadyLine: Sendable {
    /// A count that was reached at an unknown time before `by`.
    struct Start: Sendable {
        var count: Int64
        var by: Instant
    }

    /// Bounds on the seconds per count, from the newest step back to an older one.
    struct Reach: Sendable {
        /// Index of the oldest step.
        var oldest: Int
        /// Counts between the oldest and the newest step.
        var counts: Double
        var shortest: Double
        var longest: Double

        var middle: Double { (shortest + longest) / 2 }
        /// Half of the width, relative to the middle.
        var error: Double { (longest - shortest) / (longest + shortest) }
    }

    /// Each reach spans one step more than the previous one. Empty if no line passes through the newest two steps.
    private(set) var reaches: [Reach] = []
    /// The rate grows by twice this share of itself per second; 0 for a straight line.
    private(set) var bend = 0.0
    /// Whether all steps are explained.
    private(set) var isWhole = true
    /// For each step but the newest: the combined bounds of its pairs with all newer steps. The bounds of a pair never change.
    private var bounds: [Bounds] = []

    /// If the rate is constant, more than this share of the lines through the first and last brackets also pass through those in between,
    /// in all but one of some hundred cases (found by simulation; the share shrinks slowly with the number of steps).
    private static let leastRoom = 0.35
    /// Rates that grow or fall by 0.1 to 1.1 % per second. Slower changes look like a straight line, faster ones like a step. If they were
    /// further apart, a steady growth would often be known only to a third.
    private static let bends = [0.0005, 0.0007, 0.001, 0.0014, 0.002, 0.0028, 0.004, 0.0056].flatMap { [$0, -$0] }
    /// A bent line is used only if it explains this many times as many counts as a straight one. Otherwise it may fit better only because
    /// it has an additional parameter.
    private static let bentGain = 1.3
    private static let bentCounts = 4.0
    private static let bentSeconds = 10.0

    init() {}

    /// `old`: the line through all but the newest of these steps, and possibly older ones. Passing it saves most of the work and doesn't
    /// change the result.
    init(through steps: [CounterStep], since start: Start? = nil, extending old: SteadyLine? = nil) {
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
        if isWhole, let start { narrow(since: start, boxes, newest) }
        guard !isWhole, let straight = reaches.last, straight.counts >= Self.bentCounts else { return }
        guard -boxes[straight.oldest].after >= Self.bentSeconds else { return }
        // Of two that explain equally many counts, the one that leaves more room is the more likely one.
        var best = (counts: straight.counts * Self.bentGain, room: Double.infinity)
        for bend in Self.bends {
            // Further back than this, a growing rate would have been near 0 or negative; a falling one has no such limit.
            let horizon = -0.4 / max(bend, 0)
            let first = boxes.firstIndex { $0.after >= horizon } ?? 0
            guard let needed = boxes.lastIndex(where: { -$0.count >= best.counts }), first <= needed else { continue }
            let curve = boxes.map { $0.bent(bend) }
            guard Self.mayReach(needed, curve) else { continue }
            let bent = Self.reaches(curve, from: first) { Self.bounds(of: $0, curve) }
            guard let longest = bent.last, (longest.counts, longest.error) > best else { continue }
            best = (longest.counts, longest.error)
            (reaches, self.bend) = (bent, bend)
        }
    }

    /// A line through all steps also passes the first reading, which showed that a count had been reached, but not when. If none does, the
    /// load has changed since.
    private mutating func narrow(since start: Start, _ boxes: [Box], _ newest: CounterStep) {
        let place = reaches.count - 1
        let (count, by) = (Double(start.count - newest.count), start.by.seconds(since: newest.by))
        let shortest = boxes.reduce(0) { max($0, ($1.after - by) / ($1.first - count)) }
        guard shortest > reaches[place].shortest, shortest < reaches[place].longest else { return }
        reaches[place].shortest = shortest
    }

    /// The shortest reach with an acceptable error, or the longest if there is none. A short reach follows a load that is not quite
    /// constant.
    func best(error: Double) -> Reach? {
        reaches.first { $0.counts >= 2 && $0.error <= error } ?? reaches.last
    }

    private struct Box {
        var count: Double
        var first: Double
        var after: Double
        var by: Double

        init(_ step: CounterStep, from newest: CounterStep) {
            let origin = newest.by
            count = Double(step.count - newest.count)
            first = Double(step.first - newest.count)
            after = step.after.seconds(since: origin)
            by = step.by.seconds(since: origin)
        }

        /// Returns the box on a time scale on which the bent rate is constant.
        func bent(_ bend: Double) -> Box {
            var box = self
            box.after = after + bend * after * after
            box.by = by + bend * by * by
            return box
        }
    }

    /// Bounds on the seconds per count.
    private struct Bounds {
        var shortest = 0.0
        var longest = Double.infinity

        mutating func narrow(_ old: Box, _ new: Box) {
            // The last count of the old bracket to the first of the new one, and the first of the old one to the last of the new one.
            let (fewest, most) = (new.first - old.count, new.count - old.first)
            if new.after - old.by > shortest * fewest { shortest = (new.after - old.by) / fewest }
            if new.by - old.after < longest * most { longest = (new.by - old.after) / most }
        }
    }

    private static func bounds(of oldest: Int, _ boxes: [Box]) -> Bounds {
        var bounds = Bounds()
        for newer in boxes[oldest...].dropFirst() { bounds.narrow(boxes[oldest], newer) }
        return bounds
    }

    /// Checks only the pairs that contain the oldest or the newest step: a small part of all pairs, but usually enough to rule out a line.
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
            // For the newest two steps, this is all the room there is.
            let room = (newest.by - old.after) / (newest.count - old.first) - (newest.after - old.by) / (newest.first - old.count)
            guard longest >= shortest, longest > 0 else { break }
            if longest - shortest < leastRoom * room { break }
            reaches.append(Reach(oldest: oldest, counts: counts, shortest: shortest, longest: longest))
        }
        return reaches
    }
}
