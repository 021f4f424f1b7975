import CGPIO
import MeterDaemon
import MeterProtocols
import Metering

/// An input line of a GPIO chip, by its name or by chip and offset.
package struct GPIOLine: PulseLine {
    /// `libgpiod 1.6.3`.
    package static var library: String { String(cString: cgpio_version()) }

    private let line: Configuration.Pulse.Line
    private let bias: Configuration.Pulse.Bias
    private let activeEdge: Edge.Direction
    private let loop: EventLoop
    private let log: (any Log)?

    package init(_ pulse: Configuration.Pulse, loop: EventLoop, log: (any Log)? = nil) {
        line = pulse.line
        bias = pulse.bias
        activeEdge = pulse.activeEdge
        self.loop = loop
        self.log = log
    }

    package func open() async throws(PortError) -> any PulseConnection {
        let connection = GPIOConnection(line, bias, activeEdge, loop: loop)
        if let remark = try await connection.open() { log?.write(.warning, remark) }
        return connection
    }

    /// Takes the line for a moment, and says what it found: `GPIO17 (line 17 of /dev/gpiochip0, pinctrl-bcm2711) is high, bias pull-up`.
    package func inspect() -> Result<String, PortError> {
        do throws(PortError) {
            let request = try EdgeRequest(line, bias)
            let value = cgpio_value(request.line)
            guard value >= 0 else { return .failure(.gpio) }
            let level = "\(request.place) is \(value == 0 ? "low" : "high")"
            return .success("\(level), \(request.remark(bias) ?? "bias \(bias.rawValue)")")
        } catch {
            return .failure(error)
        }
    }
}

extension PortError {
    fileprivate static var gpio: PortError { PortError(String(cString: cgpio_problem())) }
}

/// A requested line; nobody else can have it until this goes.
private final class EdgeRequest {
    let line: OpaquePointer

    init(_ line: Configuration.Pulse.Line, _ bias: Configuration.Pulse.Bias) throws(PortError) {
        let request =
            switch line {
            case .name(let name): cgpio_open_name(name, bias.code)
            case .offset(let offset, let chip): cgpio_open_offset(chip, UInt32(clamping: offset), bias.code)
            }
        guard let request else { throw .gpio }
        self.line = request
    }

    deinit { cgpio_close(line) }

    var place: String { String(cString: cgpio_place(line)) }

    func remark(_ bias: Configuration.Pulse.Bias) -> String? {
        cgpio_is_bias_refused(line) ? "the chip can't set \(bias.rawValue): an external resistor is needed" : nil
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

private actor GPIOConnection: PulseConnection {
    /// As many as the kernel ever keeps. More come with the next call.
    private static let mostEdges = 1024

    private let line: Configuration.Pulse.Line
    private let bias: Configuration.Pulse.Bias
    private let activeEdge: Edge.Direction
    private nonisolated let loop: EventLoop
    private var request: EdgeRequest?
    /// A pulse that was on when the line was taken.
    private var firstEdge: Edge?
    private var batch = [cgpio_edge](repeating: cgpio_edge(), count: Int(CGPIO_BATCH))
    /// The number of the newest edge; stays 0 with libgpiod 1.
    private var lastNumber: UInt64 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ line: Configuration.Pulse.Line, _ bias: Configuration.Pulse.Bias, _ activeEdge: Edge.Direction, loop: EventLoop) {
        self.line = line
        self.bias = bias
        self.activeEdge = activeEdge
        self.loop = loop
    }

    /// What is not as it was wished.
    func open() throws(PortError) -> String? {
        let request = try EdgeRequest(line, bias)
        self.request = request
        // A pulse counts when it ends: who ended during it has not counted it. The time is asked for first, so that an edge which
        // comes now is later.
        let now = loop.now
        if cgpio_value(request.line) == (activeEdge == .rising ? 1 : 0) { firstEdge = Edge(activeEdge, at: now) }
        return request.remark(bias).map { "\(request.place): \($0)" }
    }

    func next(until deadline: Instant?) async -> PulseEvent {
        if let edge = firstEdge.take() { return .edges([edge], lost: 0) }
        while let line = request?.line {
            switch await loop.wait(readable: cgpio_descriptor(line), until: deadline) {
            case .timedOut: return .timedOut
            case .cancelled: return .closed(.cancelled)
            case .ready: break
            }
            if let event = drain() { return event }
        }
        return .closed(PortError("the line was closed"))
    }

    func close() { request = nil }

    private func drain() -> PulseEvent? {
        guard let line = request?.line else { return nil }
        var edges: [Edge] = []
        var lost = 0
        var count = batch.count
        while count == batch.count && edges.count < Self.mostEdges {
            var mayHaveLost = false
            count = Int(cgpio_read(line, &batch, &mayHaveLost))
            // The next call says it again.
            guard count >= 0 else { return edges.isEmpty ? .closed(.gpio) : .edges(edges, lost: lost) }
            for edge in batch[..<count] {
                edges.append(Edge(edge.is_rising ? .rising : .falling, at: Instant(nanoseconds: Int64(clamping: edge.nanoseconds))))
                lost += skipped(before: edge.number)
            }
            // libgpiod 1 does not say how many: one stands for them, so that it is seen.
            if mayHaveLost { lost += 1 }
        }
        return edges.isEmpty ? nil : .edges(edges, lost: lost)
    }

    /// Edges that the kernel numbered and could not keep.
    private func skipped(before number: UInt64) -> Int {
        defer { lastNumber = number }
        return number > lastNumber ? Int(clamping: number - lastNumber - 1) : 0
    }
}
