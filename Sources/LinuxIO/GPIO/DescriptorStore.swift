import Glibc
import MeterDaemon
import Synchronization

/// A descriptor that outlives who opened it, by its name.
struct KeptDescriptor: Sendable {
    var name: String
    var descriptor: Int32
}

/// Descriptors that must not be closed between two lives of the daemon: of a new configuration in the same process they are here; of the
/// next process they are in systemd's descriptor store, which hands them over at its start (and does nothing where there is no systemd).
package final class DescriptorStore: Sendable {
    /// The first of those that systemd hands over.
    private static let first: Int32 = 3

    private let notice = ServiceNotice()
    private let kept: Guarded<[KeptDescriptor]>

    package init() {
        kept = Guarded(Self.handedOver())
    }

    deinit { kept.withLock { for kept in $0 { close(kept.descriptor) } } }

    /// What the environment says is believed of descriptors that are there. Ours, unlike those that were handed over, close at exec.
    private static func handedOver() -> [KeptDescriptor] {
        guard let process = getenv("LISTEN_PID").flatMap({ Int32(String(cString: $0)) }), process == getpid(),
            let count = getenv("LISTEN_FDS").flatMap({ Int32(String(cString: $0)) }), count > 0,
            let names = getenv("LISTEN_FDNAMES").map({ String(cString: $0).split(separator: ":", omittingEmptySubsequences: false) })
        else { return [] }
        return zip(first..., names.prefix(Int(count))).compactMap { descriptor, name in
            guard fcntl(descriptor, F_GETFD) == 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { return nil }
            return KeptDescriptor(name: String(name), descriptor: descriptor)
        }
    }

    /// From now on the next process gets it.
    func add(_ new: KeptDescriptor) { notice.send("FDSTORE=1\nFDNAME=\(new.name)", descriptor: new.descriptor) }

    /// The next process does not get it.
    func remove(_ name: String) { notice.send("FDSTOREREMOVE=1\nFDNAME=\(name)") }

    /// The next run in this process gets it.
    func keep(_ descriptor: KeptDescriptor) { kept.withLock { $0.append(descriptor) } }

    /// One of those that were kept.
    func take() -> KeptDescriptor? { kept.withLock { $0.popLast() } }

    /// Nobody wants it any more.
    func discard(_ unwanted: KeptDescriptor) {
        close(unwanted.descriptor)
        remove(unwanted.name)
    }

    package func discardRest() {
        while let unwanted = take() { discard(unwanted) }
    }
}
