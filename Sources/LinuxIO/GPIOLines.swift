import CGPIO
import CLinux
import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// The input lines of the configuration, on whatever chips they are. Lines of one chip are taken together where libgpiod can; all are
/// waited for at once.
package actor GPIOLines: PulseLines {
    /// `libgpiod 1.6.3`.
    package static var library: String { String(cString: cgpio_version()) }

    private let pulses: [Configuration.Pulse]
    private let store: DescriptorStore
    private nonisolated let loop: EventLoop
    private var requests: [GPIORequest] = []
    private var batch = [cgpio_edge](repeating: cgpio_edge(), count: 64)
    /// The requests and the chips' nodes as one descriptor.
    private let all = clinux_bundle()
    /// Watches the chips' device nodes: kernel 6.1 doesn't wake who waits for edges when a chip goes.
    private let nodes = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    package init(_ pulses: [Configuration.Pulse], store: DescriptorStore, loop: EventLoop) {
        precondition(all >= 0 && nodes >= 0, "the kernel gives no descriptors")
        self.pulses = pulses
        self.store = store
        self.loop = loop
        clinux_bundle_add(all, nodes)
    }

    deinit {
        Glibc.close(all)
        Glibc.close(nodes)
    }

    // MARK: Taking lines

    package func open() async -> [LineOpening] {
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
        // What is kept first: it has the lines that would be asked for else.
        takeKept(&missing, &openings)
        while let chip = missing.first?.place.chip {
            let together = missing.filter { $0.place.chip == chip }
            missing.removeAll { $0.place.chip == chip }
            take(together, &openings)
        }
        return openings
    }

    /// Of the kept requests those whose lines are all wished for as they were; the others are let go.
    private func takeKept(_ missing: inout [GPIORequest.Line], _ openings: inout [LineOpening]) {
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

    private func take(_ lines: [GPIORequest.Line], _ openings: inout [LineOpening]) {
        // One that is taken, or can't be had as it is wished, spoils it for the others.
        if lines.count > 1, !cgpio_is_numbered || lines.count > RequestName.mostLines || !tryToTake(lines, &openings) {
            for line in lines { take([line], &openings) }
        } else if lines.count == 1 {
            do throws(SystemError) {
                begin(try GPIORequest(lines, now: loop.now), &openings, isNew: true)
            } catch {
                openings.append(LineOpening(line: lines[0].index, result: .failure(lines[0].place.words(for: error))))
            }
        }
    }

    private func tryToTake(_ lines: [GPIORequest.Line], _ openings: inout [LineOpening]) -> Bool {
        guard let request = try? GPIORequest(lines, now: loop.now) else { return false }
        begin(request, &openings, isNew: true)
        return true
    }

    private func begin(_ request: GPIORequest, _ openings: inout [LineOpening], isNew: Bool = false) {
        if isNew { store.add(KeptDescriptor(name: request.name.text, descriptor: request.descriptor)) }
        requests.append(request)
        clinux_bundle_add(all, request.descriptor)
        // IN_ATTRIB: while the chip is open its node loses only its name.
        inotify_add_watch(nodes, request.lines[0].place.path, UInt32(IN_ATTRIB | IN_DELETE_SELF))
        openings += request.openings
    }

    /// They may be kept for who comes next.
    package func close() {
        for request in requests {
            clinux_bundle_remove(all, request.descriptor)
            store.keep(request.giveAway())
        }
        requests = []
    }

    private func drop(_ request: GPIORequest) {
        requests.removeAll { $0 === request }
        clinux_bundle_remove(all, request.descriptor)
        store.remove(request.name.text)
    }

    // MARK: Reading

    package func next(until deadline: Instant?) async -> PulseEvent {
        while true {
            let readiness = await loop.wait(readable: all, until: deadline)
            if readiness == .timedOut { return .timedOut }
            if let event = read() { return event }
            if readiness == .cancelled { return .cancelled }
        }
    }

    private func read() -> PulseEvent? {
        var ready = [clinux_ready](repeating: clinux_ready(), count: requests.count + 1)
        let count = max(Int(clinux_bundle_ready(all, &ready, Int32(ready.count))), 0)
        var edges: [LineEdge] = []
        var full: [Int] = []
        for event in ready[..<count] {
            guard let request = requests.first(where: { $0.descriptor == event.descriptor }) else {
                if let gone = lookAtNodes() { return edges.isEmpty ? gone : .edges(edges, full: full) }
                continue
            }
            let waiting = event.is_readable != 0 ? request.read(&batch) : .gone(request.gone)
            switch waiting {
            case .edges(let new, let lines):
                edges += new
                full += lines
            case .gone(let reason):
                // The next call says it again.
                guard edges.isEmpty else { return .edges(edges, full: full) }
                drop(request)
                return .closed(request.lines.map(\.index), reason)
            }
        }
        return edges.isEmpty ? nil : .edges(edges, full: full)
    }

    private func lookAtNodes() -> PulseEvent? {
        // Left unread while one is gone, so that the next call says it again.
        if let gone = requests.first(where: { !$0.isAlive }) {
            drop(gone)
            return .closed(gone.lines.map(\.index), gone.gone)
        }
        var changes = [UInt8](repeating: 0, count: 4096)
        while Glibc.read(nodes, &changes, changes.count) > 0 {}
        return nil
    }
}
