import Metering
import VirtualMeters

/// The true load: a sequence of powers, starting when the meter was switched on.
struct Load: Sendable {
    struct Piece: Sendable {
        var begins: Double
        var watts: Double
        /// Wh before this piece.
        var imported: Double
        var exported: Double
    }

    private(set) var pieces: [Piece] = []
    private(set) var ends = 0.0

    /// Begins with some seconds of import and export, so that each seed starts at a different fraction of a Wh.
    init(seed: UInt64, _ parts: [(seconds: Double, watts: Double)]) {
        add(1, watts: Double(300 + seed * 977 % 3100))
        add(1, watts: -Double(200 + seed * 1709 % 3300))
        for part in parts { add(part.seconds, watts: part.watts) }
    }

    /// The start of the part at `index`.
    func begin(_ index: Int) -> Double { pieces[index + 2].begins }

    private mutating func add(_ seconds: Double, watts: Double) {
        let energy = energy(at: ends)
        pieces.append(Piece(begins: ends, watts: watts, imported: energy.imported, exported: energy.exported))
        ends += seconds
    }

    var profile: Household.Profile {
        .steps(
            pieces.indices.map { index in
                let end = index + 1 < pieces.count ? pieces[index + 1].begins : ends
                return Household.Step(.milliseconds(Int64((end - pieces[index].begins) * 1000)), watts: Int64(pieces[index].watts))
            })
    }

    private func piece(at time: Double) -> Piece? {
        var (low, high) = (0, pieces.count)
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].begins <= time { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? pieces[low - 1] : pieces.first
    }

    func watts(at time: Double) -> Double { piece(at: time)?.watts ?? 0 }

    /// Wh.
    func energy(at time: Double) -> (imported: Double, exported: Double) {
        guard let piece = piece(at: time) else { return (0, 0) }
        let energy = piece.watts * (time - piece.begins) / 3600
        return (piece.imported + max(energy, 0), piece.exported + max(-energy, 0))
    }

    /// The times at which either counter steps, and the meter's LED pulses.
    var steps: [Double] {
        pieces.indices.flatMap { index in
            let piece = pieces[index]
            let end = energy(at: index + 1 < pieces.count ? pieces[index + 1].begins : ends)
            let (from, to) = piece.watts < 0 ? (piece.exported, end.exported) : (piece.imported, end.imported)
            return stride(from: from.rounded(.down) + 1, through: to, by: 1).map { step in
                piece.begins + (step - from) * 3600 / piece.watts.magnitude
            }
        }
    }

    /// The mean power since the last step of either counter.
    func meanSinceStep(at time: Double) -> Double {
        let now = energy(at: time)
        func hasStepped(since past: Double) -> Bool {
            let then = energy(at: past)
            return then.imported.rounded(.down) < now.imported.rounded(.down) || then.exported.rounded(.down) < now.exported.rounded(.down)
        }
        var (stepped, quiet) = (0.0, time)
        while quiet - stepped > 0.001 {
            let middle = (stepped + quiet) / 2
            if hasStepped(since: middle) { stepped = middle } else { quiet = middle }
        }
        let then = energy(at: quiet)
        guard time - quiet > 0.01 else { return watts(at: time) }
        return (now.imported - then.imported - now.exported + then.exported) * 3600 / (time - quiet)
    }
}
