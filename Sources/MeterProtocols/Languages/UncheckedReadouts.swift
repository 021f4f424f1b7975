import Metering

/// Decides which values of telegrams without a checksum are delivered, and when.
///
/// Where each character's parity is visible, a flipped bit would be noticed, and a lost character changes the shape of its line. So a
/// telegram is delivered at once, except for lines that look different than before. Without visible parity, a telegram is also held back
/// until the next one, and delivered if its totals lie between those of its neighbours.
struct UncheckedReadouts {
    enum Verdict { case deliver(Readout), wait, refuse }

    /// The number of consecutive telegrams after which a line's shape is accepted: its first shape, and a later one. If one character in a
    /// thousand is lost, two consecutive telegrams lose a digit of the same value several times a day; three hardly ever do.
    private static let telegramsOfProof = (first: 2, later: 3)
    /// After this many consecutive refusals the last readout is forgotten: the meter was probably replaced.
    private static let refusalsAllowed = 5
    private static let mostCandidates = 4
    /// The limit on remembered lines, because corrupted codes add more. A telegram of 16 KiB has fewer.
    private static let mostLines = 2048
    /// Two flipped bits in one character leave its parity right. So the first totals, with which all later ones are compared, are not taken
    /// for checked ones: each must be confirmed by the next.
    private static let deliveriesOfProof = 2

    private struct Line {
        var accepted: UInt64?
        var newest: UInt64
        /// How many consecutive telegrams had the newest shape.
        var telegrams = 0

        mutating func accepts(_ shape: UInt64) -> Bool {
            telegrams = shape == newest ? min(telegrams + 1, UncheckedReadouts.telegramsOfProof.later) : 1
            newest = shape
            let needed = accepted == nil ? UncheckedReadouts.telegramsOfProof.first : UncheckedReadouts.telegramsOfProof.later
            if telegrams >= needed { accepted = shape }
            return shape == accepted
        }
    }

    private struct Candidate {
        var readout: Readout
        /// For each register, whether its line has its usual shape.
        var isUsual: [Bool]
    }

    /// The identification and the codes in their order. A lost character may turn one line into another that is known as well.
    private var layout: Line?
    private var deliveries = 0
    private var lines: [OBISCode: Line] = [:]
    private var last: Readout?
    /// The pending readouts. If they contradict each other, the next one shows which was corrupted.
    private var candidates: [Candidate] = []
    private var refusals = 0

    mutating func admit(_ readout: Readout) -> Verdict {
        guard !readout.isChecked else { return .deliver(readout) }
        let candidate = Candidate(readout: readout, isUsual: noteShapes(of: readout))
        return readout.hasParity ? admitAtOnce(candidate) : admitAfterNext(candidate)
    }

    private mutating func noteShapes(of readout: Readout) -> [Bool] {
        let new = readout.registers.count { lines[$0.code] == nil }
        if lines.count + new > Self.mostLines { lines = [:] }
        // Of two lines with the same code the first one counts.
        var verdicts: [OBISCode: Bool] = [:]
        return readout.registers.indices.map { index in
            let code = readout.registers[index].code
            if let verdict = verdicts[code] { return verdict }
            let shape = readout.shapes.indices.contains(index) ? readout.shapes[index] : 0
            let verdict = lines[code, default: Line(newest: shape)].accepts(shape)
            verdicts[code] = verdict
            return verdict
        }
    }

    /// Delivers the good values. Power waits as a whole, because it may be derived: without 2.7.0, 1.7.0 would be taken for all of it.
    private func deliver(_ readout: Readout, _ isGood: [Bool]) -> Verdict {
        guard isGood.contains(false) else { return .deliver(readout) }
        var readout = readout
        let isPowerGood = zip(readout.registers, isGood).allSatisfy { $1 || !$0.code.isOfActivePower }
        readout.registers = zip(readout.registers, isGood).filter { $1 && (isPowerGood || $0.code.d != 7 || !$0.code.isOfActivePower) }
            .map(\.0)
        if !isPowerGood { readout.isWhole = false }
        return readout.registers.isEmpty ? .wait : .deliver(readout)
    }

    // MARK: With visible parity

    private mutating func admitAtOnce(_ candidate: Candidate) -> Verdict {
        var readout = candidate.readout
        let name = Array("\(readout.manufacturer ?? "")\(readout.model ?? "")".utf8)
        let shape = readout.registers.reduce(name.shape(of: name.indices)) { ($0 ^ $1.code.key) &* 0x100_0000_01B3 }
        let isFirst = layout?.accepted == nil
        var known = layout ?? Line(newest: shape)
        let isUsual = known.accepts(shape)
        layout = known
        guard isUsual else { return isFirst ? .wait : .refuse }
        readout.isChecked = deliveries >= Self.deliveriesOfProof
        deliveries = min(deliveries + 1, Self.deliveriesOfProof)
        return deliver(readout, candidate.isUsual)
    }

    // MARK: Without

    private mutating func admitAfterNext(_ candidate: Candidate) -> Verdict {
        let readout = candidate.readout
        guard !candidates.isEmpty else {
            candidates = [candidate]
            return .wait
        }
        let fitting = candidates.filter { candidate in
            Self.fits(candidate.readout, before: readout) && last.map { Self.fits($0, before: candidate.readout) } ?? true
        }
        guard let good = fitting.first(where: { !$0.isUsual.contains(false) }) ?? fitting.first else {
            candidates = candidates.suffix(Self.mostCandidates - 1) + [candidate]
            refusals += 1
            if refusals >= Self.refusalsAllowed { (last, refusals) = (nil, 0) }
            return .refuse
        }
        candidates = [candidate]
        refusals = 0
        defer { last = good.readout }
        // The first readout is not delivered: without an earlier one, a total that is too low can't be noticed.
        guard let last else { return .wait }
        let registers = good.readout.registers
        let isGood = registers.indices.map { index in
            good.isUsual[index] && !Self.isFlipped(registers[index], between: last.registers[index], readout.registers[index])
        }
        return deliver(good.readout, isGood)
    }

    /// Whether both readouts are from the same meter, with the same registers and no total that fell.
    private static func fits(_ earlier: Readout, before later: Readout) -> Bool {
        guard earlier.model == later.model, earlier.manufacturer == later.manufacturer, earlier.number == later.number,
            earlier.registers.count == later.registers.count
        else { return false }
        for (before, after) in zip(earlier.registers, later.registers) {
            guard before.code == after.code else { return false }
            guard before.code.isRisingCounter else { continue }
            guard case .number(let low, let unit) = before.value, case .number(let high, let other) = after.value, unit == other,
                low <= high
            else { return false }
        }
        return true
    }

    /// Whether a value is far from both its neighbours and one flipped bit away from them: 10,123 W between 120 W and 125 W. A load that
    /// really jumps twice in two telegrams is rarely that.
    private static func isFlipped(_ register: Register, between before: Register, _ after: Register) -> Bool {
        guard case .number(let value, let unit) = register.value, case .number(let low, let unitBefore) = before.value,
            case .number(let high, let unitAfter) = after.value, unit == unitBefore, unit == unitAfter,
            value.exponent == low.exponent, value.exponent == high.exponent
        else { return false }
        let neighbours = [Double(low.mantissa), Double(high.mantissa)].sorted()
        let margin = neighbours[1] - neighbours[0] + max(neighbours[0].magnitude, neighbours[1].magnitude) / 4
        let near = (neighbours[0] - margin)...(neighbours[1] + margin)
        guard !near.contains(Double(value.mantissa)) else { return false }
        let sign = value.isNegative ? -1.0 : 1.0
        var (rest, power) = (value.mantissa.magnitude, 1.0)
        // Leading zeros have bits that flip, too.
        while rest > 0 || power <= max(neighbours[0].magnitude, neighbours[1].magnitude) {
            let digit = rest % 10
            for bit in 0..<4 as Range<UInt64> where digit ^ 1 << bit <= 9 {
                let difference = Double(digit ^ 1 << bit) - Double(digit)
                if near.contains(Double(value.mantissa) + sign * difference * power) { return true }
            }
            (rest, power) = (rest / 10, power * 10)
        }
        return false
    }
}

extension OBISCode {
    /// Whether `power` may depend on this register: active power and energy, of all phases and of each.
    fileprivate var isOfActivePower: Bool { a == 1 && (d == 7 || d == 8) && c <= 80 && [1, 2, 15, 16].contains(c % 20) }
}
