import MeterDaemon
import MeterProtocols
import Metering
import VirtualMeters

/// The S0 outputs of virtual meters, in real time.
package struct VirtualPulseLines: PulseLines {
    private let meters: [VirtualS0]
    private let clock: any Clockwork

    package init(_ meters: [VirtualS0], clock: any Clockwork) {
        self.meters = meters
        self.clock = clock
    }

    package func run(_ counter: PulseCounter) async {
        var (counter, meters) = (counter, meters)
        /// The next edge of each line; `nil` if no more energy will ever flow.
        var upcoming = meters.indices.map { meters[$0].nextEdge() }
        let line = OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)
        counter.opened(meters.indices.map { LineOpening(line: $0, result: .success(line)) }, clock.now)
        while !Task.isCancelled {
            let next = upcoming.compactMap(\.?.at).min() ?? .distantFuture
            await clock.sleep(until: min(next, counter.deadline))
            for index in upcoming.indices {
                while let edge = upcoming[index], edge.at <= clock.now {
                    counter.push(edge, of: index)
                    upcoming[index] = meters[index].nextEdge()
                }
            }
            counter.settle(clock.now)
        }
        counter.finish(clock.now)
    }
}
