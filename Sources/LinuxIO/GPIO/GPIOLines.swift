import CGPIO
import CLinux
import Configuration
import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// The configured input lines, on any number of chips. The lines of one chip are requested together if libgpiod supports that. A single
/// system call waits for all of them.
package struct GPIOLines: LineWatch {
    /// The library's name and version, such as `libgpiod 1.6.3`.
    package static var library: String { String(cString: cgpio_version()) }

    private let pulses: [Configuration.Pulse]
    private let store: DescriptorStore
    private let bell: PulseBell
    private var requests: [GPIORequest] = [] {
        didSet { routes = requests.flatMap(\.routes) }
    }
    private var routes: [LineRoute] = []
    /// One descriptor that combines the requests, the bell and the watch on the chips' device nodes.
    private let all = clinux_bundle()
    /// Watches the chips' device nodes: kernel 6.1 does not wake a thread that waits for edges when a chip disappears.
    private let nodes = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))

    package init(_ pulses: [Configuration.Pulse], store: DescriptorStore, bell: PulseBell) {
        if all < 0 || nodes < 0 { endProcess(withoutDescriptor: errno) }
        self.pulses = pulses
        self.store = store
        self.bell = bell
        clinux_bundle_add(all, nodes)
        clinux_bundle_add(all, bell.descriptor)
    }

    // MARK: Requesting lines

    package mutating func open(_ now: Instant) -> [LineOpening] {
        var openings: [LineOpening] = []
        var missing: [GPIORequest.Line] = []
        let open = Set(requests.flatMap { $0.lines.map(\.index) })
        for (index, pulse) in pulses.enumerated() where !open.contains(index) {
            do throws(PortError) {
                missing.append(GPIORequest.Line(index: index, pulse: pulse, place: try GPIOPlace.find(pulse.line)))
            } catch {
                openings.append(LineOpening(line: index, result: .failure(error)))
            }
        }
        // Kept requests come first: their lines are still held by them, so requesting these again would fail.
        takeKept(&missing, &openings)
        while let chip = missing.first?.place.chip {
            let together = missing.filter { $0.place.chip == chip }
            missing.removeAll { $0.place.chip == chip }
            take(together, now, &openings)
        }
        return openings
    }

    /// Continues each kept request whose lines are all still configured in the same way, and drops the other ones.
    private mutating func takeKept(_ missing: inout [GPIORequest.Line], _ openings: inout [LineOpening]) {
        while let kept = store.take() {
            guard let name = RequestName(kept.name), let lines = lines(of: name, among: missing) else {
                store.discard(kept)
                continue
            }
            let request = GPIORequest(lines, name, kept: kept)
            guard request.isAlive else {
                store.remove(kept.name)
                continue
            }
            missing.removeAll { line in lines.contains { $0.index == line.index } }
            begin(request, &openings)
        }
    }

    private func lines(of name: RequestName, among missing: [GPIORequest.Line]) -> [GPIORequest.Line]? {
        let lines = name.wishes.compactMap { wish in missing.first { GPIORequest.wish($0) == wish } }
        return lines.count == name.wishes.count ? lines : nil
    }

    private mutating func take(_ lines: [GPIORequest.Line], _ now: Instant, _ openings: inout [LineOpening]) {
        // If one line is in use or can't be set as requested, a common request fails. Each line is then requested alone.
        if lines.count > 1, !cgpio_is_numbered || lines.count > RequestName.mostLines || !tryToTake(lines, now, &openings) {
            for line in lines { take([line], now, &openings) }
        } else if lines.count == 1 {
            do throws(SystemError) {
                begin(try GPIORequest(lines, now: now), &openings, isNew: true)
            } catch {
                openings.append(LineOpening(line: lines[0].index, result: .failure(lines[0].place.words(for: error))))
            }
        }
    }

    private mutating func tryToTake(_ lines: [GPIORequest.Line], _ now: Instant, _ openings: inout [LineOpening]) -> Bool {
        guard let request = try? GPIORequest(lines, now: now) else { return false }
        begin(request, &openings, isNew: true)
        return true
    }

    private mutating func begin(_ request: GPIORequest, _ openings: inout [LineOpening], isNew: Bool = false) {
        if isNew { store.add(KeptDescriptor(name: request.name.text, descriptor: request.descriptor)) }
        requests.append(request)
        clinux_bundle_add(all, request.descriptor)
        // IN_ATTRIB is needed because removing an open chip only unlinks its device node.
        inotify_add_watch(nodes, request.lines[0].place.path, UInt32(IN_ATTRIB | IN_DELETE_SELF))
        openings += request.openings
    }

    /// Keeps the requests for the next run.
    package mutating func close() {
        for request in requests { store.keep(request.giveAway()) }
        requests = []
        Glibc.close(all)
        Glibc.close(nodes)
    }

    private mutating func drop(_ request: GPIORequest, _ receiver: inout some EdgeReceiver) {
        requests.removeAll { $0 === request }
        clinux_bundle_remove(all, request.descriptor)
        store.remove(request.name.text)
        receiver.lost(request.lines.map(\.index), request.gone, .now)
    }

    // MARK: Reading

    @inline(__always)
    package mutating func wait(milliseconds: Int32, _ receiver: inout some EdgeReceiver) -> Bool {
        let ready = clinux_bundle_wait(all, milliseconds)
        if let first = routes.firstIndex(where: { $0.descriptor == ready.descriptor }) {
            if ready.is_readable != 0 { read(first, &receiver) } else { drop(ready.descriptor, &receiver) }
        } else if ready.descriptor == bell.descriptor {
            return bell.answer() && readRest(&receiver) == 0
        } else if ready.descriptor >= 0 {
            lookAtNodes(&receiver)
        }
        return false
    }

    @inline(never)
    private mutating func readRest(_ receiver: inout some EdgeReceiver) -> Int {
        var edges = 0
        for request in requests where request.isReadable {
            guard let first = routes.firstIndex(where: { $0.descriptor == request.descriptor }) else { continue }
            edges += read(first, &receiver)
        }
        return edges
    }

    /// Passes on the pending edges of the request whose first route is `first`: as many as fit in the buffer; the others are read by the
    /// next call. Returns how many edges were passed on.
    @discardableResult
    @inline(__always)
    private mutating func read(_ first: Int, _ receiver: inout some EdgeReceiver) -> Int {
        let edges = cgpio_read(routes[first].descriptor)
        let count = Int(edges.count)
        guard count >= 0 else {
            drop(routes[first].descriptor, &receiver)
            return 0
        }
        for edge in UnsafeBufferPointer(start: edges.first, count: count) {
            var place = first
            while routes[place].offset != edge.offset, place + 1 < routes.count { place += 1 }
            receiver.push(Edge(edge), of: routes[place].line)
        }
        // If edges are not numbered, each request has one line, and the kernel drops new edges when its queue is full. If the queue was not
        // full, nothing was lost.
        if !cgpio_is_numbered, count == Int(cgpio_queue) { receiver.overflowed(routes[first].line, .now) }
        return count
    }

    @inline(never)
    private mutating func drop(_ descriptor: Int32, _ receiver: inout some EdgeReceiver) {
        for gone in requests where gone.descriptor == descriptor { drop(gone, &receiver) }
    }

    /// Drops the requests of chips that are gone, after a device node has changed. The events are discarded first, so that an event that
    /// arrives during the check causes another check.
    private mutating func lookAtNodes(_ receiver: inout some EdgeReceiver) {
        var changes = [UInt8](repeating: 0, count: 4096)
        while Glibc.read(nodes, &changes, changes.count) > 0 {}
        for gone in requests where !gone.isAlive { drop(gone, &receiver) }
    }
}

/// Returns the configured lines, whose pulses are counted on a separate thread.
package func gpioLines(_ pulses: [Configuration.Pulse], store: DescriptorStore, bell: PulseBell = PulseBell()) -> any PulseLines {
    PulseThread(bell: bell) { counter, bell in waitForPulses(GPIOLines(pulses, store: store, bell: bell), counter) }
}
