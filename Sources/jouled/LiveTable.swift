import LinuxIO
import MeterDaemon
import Metering

/// Prints the newest values to the terminal once a second; if the output is not a terminal, one line per meter every five seconds. Ends
/// when the output can't be written any more.
struct LiveTable {
    let loop: EventLoop

    func run(_ snapshots: Newest<Snapshot>) async {
        let isTerminal = isTerminal(standardOutput)
        var lines = 0
        for await snapshot in snapshots {
            if isTerminal {
                let table = Self.table(snapshot)
                lines = table.utf8.count { $0 == 0x0A }
                // Clears everything below the cursor, prints without line wrapping, and returns to the empty line above the table. Log
                // lines that are written between two tables stay there, and the next table is printed below them.
                printText("\u{1B}[J\u{1B}[?7l\(table)\u{1B}[?7h\u{1B}[\(lines)A")
            } else {
                printText(snapshot.meters.map { Self.line($0) + "\n" }.joined())
            }
            if outputFailure != nil { break }
            // While this sleeps, only the newest snapshot is kept. If the stream has ended, the loop ends at its next iteration.
            await loop.sleep(until: loop.now + (isTerminal ? .seconds(1) : .seconds(5)))
        }
        if lines > 0 { printText("\r\u{1B}[\(lines)B") }
    }

    private static let shown: [Measurand] = [.energyImport, .energyExport, .energy, .volume, .power, .flow, .pulses, .telegrams, .errors]

    private static func values(_ meter: MeterSnapshot) -> [(String, String)] {
        shown.compactMap { measurand in
            meter.values[measurand].map { (measurand.rawValue, $0.text + (measurand.unit.map { " " + $0.rawValue } ?? "")) }
        }
    }

    private static func line(_ meter: MeterSnapshot) -> String {
        let values = values(meter).map { "\($0) \($1)" }
        return "\(meter.name): " + (values.isEmpty ? meter.problem ?? "not read yet" : values.joined(separator: ", "))
    }

    private static func table(_ snapshot: Snapshot) -> String {
        "\n"
            + snapshot.meters.map { meter in
                let state = meter.problem ?? (meter.isAvailable ? "being read" : "not read yet")
                let rows = values(meter).map { "  \(padded($0, 16)) \(padded($1, 20, right: true))\n" }.joined()
                return "\(meter.title) (\(state))\n\(rows)\n"
            }.joined()
    }
}
