/// Tracks the tariffs that make up a total which the meter itself does not send. If one of them were missing, the sum of the others would
/// look like a total that has decreased.
struct TariffSums: Sendable {
    private struct Sum: Sendable {
        /// One bit for each tariff that the meter has sent.
        var known: UInt16 = 0
        var missingSince: Instant?

        /// A tariff that is missing for long enough is no longer expected.
        mutating func hasAll(_ sent: UInt16, at now: Instant) -> Bool {
            if sent & known == known {
                known |= sent
                missingSince = nil
                return true
            }
            guard let since = missingSince, now - since >= MonotonicTotal.candidateLength else {
                missingSince = missingSince ?? now
                return false
            }
            self = Sum(known: sent)
            return true
        }
    }

    private static let imports: [Measurand] = [.energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4]
    private static let exports: [Measurand] = [.energyExportT1, .energyExportT2, .energyExportT3, .energyExportT4]
    private var imported = Sum()
    private var exported = Sum()

    init() {}

    /// Restores the known tariffs from the totals of a previous run.
    init(_ totals: [Measurand: MeterMemory.Total]) {
        for tariff in 1...4 {
            if totals[Self.imports[tariff - 1]] != nil { imported.known |= 1 << UInt16(tariff) }
            if totals[Self.exports[tariff - 1]] != nil { exported.known |= 1 << UInt16(tariff) }
        }
    }

    /// Whether no tariff is missing; always true for a total that the meter sent itself.
    mutating func isWhole(_ total: OBISCode, in readout: Readout) -> Bool {
        guard total.d == 8, total.e == 0, total.c == 1 || total.c == 2, readout[total] == nil else { return true }
        var sent: UInt16 = 0
        for code in readout.registers.lazy.map(\.code) where code.a == 1 && code.c == total.c && code.d == 8 && code.f == 255 {
            if (1...8).contains(code.e) { sent |= 1 << UInt16(code.e) }
        }
        return total.c == 1 ? imported.hasAll(sent, at: readout.at) : exported.hasAll(sent, at: readout.at)
    }
}
