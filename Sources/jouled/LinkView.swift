import LinuxIO
import MeterProtocols
import Metering

/// The output of `watch`: updated in place on a terminal, otherwise one line each time.
struct LinkView {
    private static let barWidth = 40
    private static let registersShown = 16
    private static let registersInLine = 4

    let port: String
    private let isTerminal = LinuxIO.isTerminal(standardOutput)
    private let hasColor = wantsColor()
    private var lines = 0

    init(port: String) { self.port = port }

    mutating func show(_ watch: LinkWatch) {
        guard isTerminal else { return printText(line(watch)) }
        let table = table(watch)
        lines = table.utf8.count { $0 == 0x0A }
        // As in `LiveTable`, the cursor is moved back so that the next table overwrites this one.
        printText("\u{1B}[J\u{1B}[?7l\(table)\u{1B}[?7h\u{1B}[\(lines)A\r")
    }

    /// Moves the cursor below the last table, which stays on the screen.
    mutating func end() {
        if lines > 0 { printText("\r\u{1B}[\(lines)B") }
        lines = 0
    }

    private func line(_ watch: LinkWatch) -> String {
        let values = known(watch).prefix(Self.registersInLine).map { register in
            switch register.value {
            case .number(let number, let unit): "\(register.code.short) \(number)\(unit.map { " " + $0.rawValue } ?? "")"
            case .text(let text): "\(register.code.short) \(text)"
            }
        }
        let newest = values.isEmpty ? watch.problem ?? "nothing read yet" : values.joined(separator: ", ")
        return "\(summary(watch)); \(counts(watch)): \(newest)\n"
    }

    private func table(_ watch: LinkWatch) -> String {
        let share = watch.quality.share(watch.now) ?? 0
        let filled = Self.barWidth * share / 100
        let bar = String(repeating: "#", count: filled)
        let color = share >= 95 ? "32" : share >= 60 ? "33" : "31"
        let rest = String(repeating: ".", count: Self.barWidth - filled)
        let names = [watch.readout?.manufacturer, watch.readout?.model, watch.readout?.number].compactMap { $0 }.filter { !$0.isEmpty }
        let speaks = watch.readout.map { "\($0.source.rawValue) at " } ?? ""
        return "\(port): \(speaks)\(watch.line.speed.rawValue) Bd  \(names.joined(separator: " "))\n"
            + "[\(hasColor ? "\u{1B}[\(color)m\(bar)\u{1B}[0m" : bar)\(rest)] \(summary(watch))\n\(counts(watch))\n"
            + (watch.problem.map { "\($0)\n" } ?? "") + "\n" + registerTable(Array(known(watch).prefix(Self.registersShown)))
    }

    private func known(_ watch: LinkWatch) -> [Register] {
        // Numbers come first, because they change.
        let known = watch.readout?.registers.filter { $0.code.title != nil } ?? []
        return known.filter(isNumber) + known.filter { !isNumber($0) }
    }

    private func isNumber(_ register: Register) -> Bool {
        if case .number = register.value { true } else { false }
    }

    private func summary(_ watch: LinkWatch) -> String {
        let quality = watch.quality
        let recent = quality.recent
        let share = quality.share(watch.now).map { "\(padded("\($0)", 3, right: true)) % good" } ?? "  no telegram yet"
        let basis = quality.isSilent(watch.now) ? " (no more data)" : " (\(recent.good) of the last \(recent.of))"
        return share + (recent.of > 0 ? basis : "") + ", \(quality.bytesPerSecond(watch.now)) bytes/s"
    }

    private func counts(_ watch: LinkWatch) -> String {
        let quality = watch.quality
        return "\(quality.good) good, \(quality.wrongChecks) wrong checksum, \(quality.wrongParities) wrong parity, "
            + "\(quality.damaged) damaged, \(quality.unanswered) without answer"
    }
}
