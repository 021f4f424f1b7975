import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import VirtualMeters

/// The S0 output of a virtual meter, in real time.
struct VirtualPulseLine: PulseLine {
    let meter: VirtualS0
    let loop: EventLoop

    func open() async throws(PortError) -> any PulseConnection { Connection(meter, loop) }

    private actor Connection: PulseConnection {
        private var meter: VirtualS0
        private var upcoming: Edge?
        private nonisolated let loop: EventLoop

        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(_ meter: VirtualS0, _ loop: EventLoop) {
            self.meter = meter
            self.loop = loop
        }

        func next(until deadline: Instant?) async -> PulseEvent {
            guard let edge = upcoming ?? meter.nextEdge() else {
                // Nothing is used for ever.
                await loop.sleep(until: deadline ?? loop.now + .seconds(86_400))
                return Task.isCancelled ? .closed(.cancelled) : .timedOut
            }
            upcoming = edge
            if let deadline, deadline < edge.at {
                await loop.sleep(until: deadline)
                return Task.isCancelled ? .closed(.cancelled) : .timedOut
            }
            await loop.sleep(until: edge.at)
            guard !Task.isCancelled else { return .closed(.cancelled) }
            upcoming = nil
            return .edges([edge], lost: 0)
        }

        func close() async {}
    }
}
