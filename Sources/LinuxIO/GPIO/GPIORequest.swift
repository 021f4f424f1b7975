import CGPIO
import Configuration
import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// Lines of one chip that the kernel watches through one descriptor. The request may be older than the process: the previous process
/// passed it on, and the kernel has queued the edges since then.
final class GPIORequest {
    /// One line of the request.
    struct Line {
        /// Its index in the configuration.
        var index: Int
        var pulse: Configuration.Pulse
        var place: GPIOPlace
    }

    /// Shorter pulses are not debounced by the kernel. It samples a line after a timer has fired and a worker has been scheduled, some
    /// milliseconds late, and so would miss a pulse that is over by then.
    private static let shortestDebounced = Duration.milliseconds(10)

    let lines: [Line]
    let name: RequestName
    let descriptor: Int32
    let beginnings: [OpenLine.Beginning]
    private var isGivenAway = false

    /// A hash of the requested settings, which shows whether a kept line is still configured in the same way.
    static func wish(_ line: Line) -> UInt32 {
        let words = [
            cgpio_is_numbered ? "2" : "1", line.place.chip, "\(line.place.offset)", line.pulse.bias.rawValue, "\(line.pulse.activeEdge)",
            "\(debounce(line.pulse))",
        ]
        return CheckSum.crc32(Array(words.joined(separator: "\n").utf8)) & 0xFF_FFFF
    }

    /// Continues a kept request.
    init(_ lines: [Line], _ name: RequestName, kept: KeptDescriptor) {
        self.lines = lines
        self.name = name
        descriptor = kept.descriptor
        beginnings = lines.map { _ in .kept }
    }

    /// Requests the lines with their settings. A single line is also requested if the chip can't debounce it or set its bias.
    init(_ lines: [Line], now: Instant) throws(SystemError) {
        let chip = lines[0].place
        var name = RequestName(wishes: lines.map(Self.wish), isDebounced: cgpio_is_numbered)
        var taken = chip.take(Self.wishes(lines, name))
        // After any other error the line is free and access is permitted, so the requested settings are at fault.
        let final = [EBUSY, EPERM, ENODEV, ENOENT, EACCES]
        for (isDebounced, isBiasRefused) in [(false, false), (true, true), (false, true)] where lines.count == 1 {
            guard case .failure(let failure) = taken, !final.contains(failure.code) else { break }
            guard !isDebounced || cgpio_is_numbered else { continue }
            name.isDebounced = isDebounced
            name.isBiasRefused = isBiasRefused
            taken = chip.take(Self.wishes(lines, name))
        }
        let descriptor = try taken.get()
        self.lines = lines
        self.name = name
        self.descriptor = descriptor
        beginnings = lines.enumerated().map { index, line in
            let isActive = cgpio_value(descriptor, UInt32(index)) == (line.pulse.activeEdge == .rising ? 1 : 0)
            return .new(activeSince: isActive ? now : nil)
        }
    }

    private static func wishes(_ lines: [Line], _ name: RequestName) -> [cgpio_wish] {
        lines.map { line in
            cgpio_wish(
                offset: line.place.offset, bias: name.isBiasRefused ? CGPIO_AS_IS : line.pulse.bias.code,
                debounce_microseconds: name.isDebounced ? debounce(line.pulse) : 0)
        }
    }

    /// The debounce time: half of the shortest pulse, in microseconds. Bounce is over by then, and the other half allows for a late kernel.
    private static func debounce(_ pulse: Configuration.Pulse) -> UInt32 {
        pulse.minPulse >= shortestDebounced ? UInt32(clamping: pulse.minPulse.nanoseconds / 2000) : 0
    }

    deinit { if !isGivenAway { close(descriptor) } }

    /// Hands the descriptor over instead of closing it.
    func giveAway() -> KeptDescriptor {
        isGivenAway = true
        return KeptDescriptor(name: name.text, descriptor: descriptor)
    }

    /// Whether the request works and the chip's device node exists.
    var isAlive: Bool {
        var edges = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&edges, 1, 0) >= 0, Int32(edges.revents) & (POLLERR | POLLHUP | POLLNVAL) == 0 else { return false }
        return access(lines[0].place.path, F_OK) == 0
    }

    var openings: [LineOpening] {
        zip(lines, beginnings).map { line, beginning in
            let isDebounced = name.isDebounced && Self.debounce(line.pulse) > 0
            return LineOpening(
                line: line.index,
                result: .success(
                    OpenLine(request: name.nonce, beginning: beginning, isDebounced: isDebounced, remark: remark(line))))
        }
    }

    private func remark(_ line: Line) -> String? {
        guard name.isBiasRefused, line.pulse.bias != .asIs else { return nil }
        return "\(line.place.description): the chip can't set \(line.pulse.bias.rawValue): an external resistor is needed"
    }

    /// What `check --online` reports about a line that it has requested.
    func finding(_ line: Line) -> String {
        let level = cgpio_value(descriptor, 0) == 0 ? "low" : "high"
        let bias = name.isBiasRefused ? "the chip can't set \(line.pulse.bias.rawValue): an external resistor is needed" : nil
        return "\(line.place.description) is \(level), \(bias ?? "bias \(line.pulse.bias.rawValue)")"
    }

    /// Whether edges are pending. Has to be checked before reading, because a read without pending edges would block.
    var isReadable: Bool {
        var edges = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&edges, 1, 0) > 0 && Int32(edges.revents) & POLLIN != 0
    }

    /// Maps the request's edges to the configured lines.
    var routes: [LineRoute] {
        lines.map { LineRoute(descriptor: descriptor, offset: cgpio_is_numbered ? $0.place.offset : 0, line: $0.index) }
    }

    var gone: PortError {
        PortError("\(lines.map(\.place.description).joined(separator: ", ")) \(lines.count == 1 ? "is" : "are") gone: was it unplugged?")
    }
}

extension Edge {
    init(_ edge: cgpio_edge) {
        self.init(
            edge.is_rising ? .rising : .falling, at: Instant(nanoseconds: Int64(truncatingIfNeeded: edge.nanoseconds)),
            number: edge.number)
    }
}

/// Which configured line an edge belongs to.
struct LineRoute {
    var descriptor: Int32
    /// The offset that the kernel reports with each edge; 0 if the request has only one line and the kernel reports no offset.
    var offset: UInt32
    var line: Int
}

/// The name of a kept descriptor. It contains the requested settings of each line, the granted settings, and a number that distinguishes
/// the request from similar ones. systemd accepts names of up to 255 characters.
struct RequestName {
    /// More lines do not fit in a name.
    static let mostLines = 32

    var wishes: [UInt32]
    var isDebounced: Bool
    var isBiasRefused = false
    var nonce = UInt64.random(in: 1...UInt64.max)

    init(wishes: [UInt32], isDebounced: Bool) {
        self.wishes = wishes
        self.isDebounced = isDebounced
    }

    init?(_ text: String) {
        let words = text.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "gpio", let nonce = UInt64(words[3], radix: 16), words[1].utf8.count % 6 == 0 else {
            return nil
        }
        let digits = Array(words[1])
        let wishes = stride(from: 0, to: digits.count, by: 6).compactMap { UInt32(String(digits[$0..<$0 + 6]), radix: 16) }
        guard !wishes.isEmpty, wishes.count * 6 == digits.count else { return nil }
        self.init(wishes: wishes, isDebounced: words[2].utf8.contains(UInt8(ascii: "d")))
        isBiasRefused = words[2].utf8.contains(UInt8(ascii: "b"))
        self.nonce = nonce
    }

    var text: String {
        let wishes = wishes.map { wish in
            let digits = String(wish, radix: 16)
            return String(repeating: "0", count: 6 - digits.utf8.count) + digits
        }
        let granted = (isDebounced ? "d" : "") + (isBiasRefused ? "b" : "")
        return "gpio-\(wishes.joined())-\(granted)-\(String(nonce, radix: 16))"
    }
}

extension Configuration.Pulse.Bias {
    fileprivate var code: cgpio_bias {
        switch self {
        case .pullUp: CGPIO_PULL_UP
        case .pullDown: CGPIO_PULL_DOWN
        case .disabled: CGPIO_DISABLED
        case .asIs: CGPIO_AS_IS
        }
    }
}
