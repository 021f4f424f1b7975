/// A step of a counter, which occurred after `after` and no later than `by` (its bracket).
struct CounterStep: Sendable, Equatable {
    var count: Int64
    var after: Instant
    var by: Instant

    var middle: Instant { Instant(nanoseconds: after.nanoseconds + (by.nanoseconds - after.nanoseconds) / 2) }
}

/// The straight lines (counts over time) that pass through the brackets of a counter's newest steps. Each line is a constant rate that
/// explains the readings.
///
/// Each pair of steps bounds the time per count, and a line must satisfy the bounds of every pair (intervals of numbers that intersect
/// pairwise have a common point). The range of explained steps ends where no line is left, or so few that a constant rate is very unlikely.
struct SteadyLine: Sendable {
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
    /// Rates that grow or fall by 0.1 to 0.8 % per second. Slower changes look like a straight line, faster ones like a step.
    private static let bends = [0.0005, -0.0005, 0.001, -0.001, 0.002, -0.002, 0.004, -0.004]
    /// A bent line is used only if it explains this many times as many counts as a straight one. Otherwise it may fit better only because
    /// it has an additional parameter.
    private static let bentGain = 1.3
    private static let bentCounts = 4.0
    private static let bentSeconds = 10.0

    init() {}

    /// `old`: the line through all but the newest of these steps, and possibly older ones. Passing it saves most of the work and doesn't
    /// change the result.
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
            // Further back than this, a growing rate would have been near 0 or negative; a falling one has no such limit.
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

    /// The shortest reach with an acceptable error, or the longest if there is none. A short reach follows a load that is not quite
    /// constant.
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
            let width = (newest.by - newest.after + old.by - old.after) / 2
            guard longest >= shortest, longest > 0 else { break }
            // For the newest two steps, the left side is their full `width`.
            if (longest - shortest) / 2 * counts < leastRoom * width { break }
            reaches.append(Reach(oldest: oldest, counts: counts, shortest: shortest, longest: longest))
        }
        return reaches
    }
}
