import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import VirtualMeters

/// The S0 outputs of virtual meters, in real time.
struct VirtualPulseLines: PulseLines {
    let meters: [VirtualS0]
    let loop: EventLoop

    func run(_ counter: PulseCounter) async {
        var (counter, meters) = (counter, meters)
        /// The next edge of each; `nil` when nothing is used for ever.
        var upcoming = meters.indices.map { meters[$0].nextEdge() }
        let line = OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)
        counter.opened(meters.indices.map { LineOpening(line: $0, result: .success(line)) }, loop.now)
        while !Task.isCancelled {
            let next = upcoming.compactMap(\.?.at).min() ?? .distantFuture
            await loop.sleep(until: min(next, counter.deadline))
            for index in upcoming.indices {
                while let edge = upcoming[index], edge.at <= loop.now {
                    counter.push(edge, of: index)
                    upcoming[index] = meters[index].nextEdge()
                }
            }
            counter.settle(loop.now)
        }
        counter.finish(loop.now)
    }
}
