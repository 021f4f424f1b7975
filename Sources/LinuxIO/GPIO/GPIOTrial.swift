import CGPIO
import Configuration
import MeterDaemon
import MeterProtocols
import Metering

/// Requests a line for a moment, to find out how it is wired.
package struct GPIOTrial {
    /// How long to watch a line: longer than any pulse of a meter with an S0 output.
    private static let longestWatch = Duration.milliseconds(1200)
    private static let firstWatch = Duration.milliseconds(300)

    private let pulse: Configuration.Pulse
    private let loop: EventLoop

    package init(_ pulse: Configuration.Pulse, loop: EventLoop) {
        self.pulse = pulse
        self.loop = loop
    }

    /// `GPIO17 (line 17 of /dev/gpiochip0, pinctrl-bcm2711) is high, bias pull-up`.
    package func inspect() -> Result<String, PortError> {
        take().map { line, request in request.finding(line) }
    }

    /// Requests the line and watches it for a while. If it is active most of the time, its wires or its `edge` setting are reversed.
    package func result() async -> Result<String, PortError> {
        switch take() {
        case .failure(let error): return .failure(error)
        case .success((let line, let request)):
            let finding = request.finding(line)
            let (share, edges) = await watch(request)
            guard let complaint = complaint(share, edges) else {
                return .success(edges > 0 ? "\(finding), \((edges + 1) / 2) pulses while it was watched" : finding)
            }
            return .failure(PortError("\(finding), \(complaint)"))
        }
    }

    private func take() -> Result<(GPIORequest.Line, GPIORequest), PortError> {
        do throws(PortError) {
            let line = GPIORequest.Line(index: 0, pulse: pulse, place: try GPIOPlace.find(pulse.line))
            do throws(SystemError) {
                return .success((line, try GPIORequest([line], now: loop.now)))
            } catch {
                return .failure(line.place.words(for: error))
            }
        } catch {
            return .failure(error)
        }
    }

    /// Measures for what share of the time the line is active, and counts its edges.
    private func watch(_ request: GPIORequest) async -> (share: Double, edges: Int) {
        let start = loop.now
        var isActive = request.beginnings != [.new(activeSince: nil)]
        var since = start
        var active = Duration.zero
        var count = 0
        var end = start + (isActive ? Self.longestWatch : Self.firstWatch)
        while await loop.wait(readable: request.descriptor, until: end) == .ready {
            let edges = cgpio_read(request.descriptor)
            guard edges.count >= 0 else { break }
            for edge in UnsafeBufferPointer(start: edges.first, count: Int(edges.count)).map(Edge.init) {
                if isActive { active = active + (edge.at - since) }
                isActive = edge.direction == pulse.activeEdge
                since = edge.at
                count += 1
            }
            end = start + Self.longestWatch
        }
        if isActive { active = active + (loop.now - since) }
        return (active.seconds / max((loop.now - start).seconds, 0.001), count)
    }

    private func complaint(_ share: Double, _ edges: Int) -> String? {
        let other = pulse.activeEdge == .falling ? "rising" : "falling"
        if edges == 0 {
            // The contact of a gas or water meter may rest in its closed position.
            guard share > 0.99, pulse.medium == .electricity || pulse.medium == .heat else { return nil }
            return "always at the active level: swap the two wires of the meter's output, or set edge = \"\(other)\"; or there is a short"
        }
        guard share > 0.6 else { return nil }
        let percent = Int((share * 100).rounded())
        return "and was at the active level for \(percent) % of the time: are the wires swapped? Then set edge = \"\(other)\""
    }
}
