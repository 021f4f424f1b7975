import Glibc
import MeterDaemon
import Synchronization

/// A descriptor that outlives the process or configuration that opened it, with its name.
struct KeptDescriptor: Sendable {
    var name: String
    var descriptor: Int32
}

/// Descriptors that stay open when the daemon restarts. For a new configuration in the same process they are kept here. For the next
/// process they are kept in systemd's descriptor store, which passes them to it at its start (without systemd nothing is passed on).
package final class DescriptorStore: Sendable {
    /// The number of the first descriptor that systemd passes to a process.
    private static let first: Int32 = 3

    private let notice = ServiceNotice()
    private let kept: Guarded<[KeptDescriptor]>

    package init() {
        kept = Guarded(Self.handedOver())
    }

    deinit { kept.withLock { for kept in $0 { close(kept.descriptor) } } }

    /// The descriptors that the environment lists, if they exist. They are inherited without close-on-exec, so it is set here.
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

    /// Adds a descriptor to systemd's store, for the next process.
    func add(_ new: KeptDescriptor) { notice.send("FDSTORE=1\nFDNAME=\(new.name)", descriptor: new.descriptor) }

    /// Removes a descriptor from systemd's store.
    func remove(_ name: String) { notice.send("FDSTOREREMOVE=1\nFDNAME=\(name)") }

    /// Keeps a descriptor for the next run in this process.
    func keep(_ descriptor: KeptDescriptor) { kept.withLock { $0.append(descriptor) } }

    /// Removes and returns one of the kept descriptors.
    func take() -> KeptDescriptor? { kept.withLock { $0.popLast() } }

    /// Closes a descriptor that is no longer needed, and removes it from systemd's store.
    func discard(_ unwanted: KeptDescriptor) {
        close(unwanted.descriptor)
        remove(unwanted.name)
    }

    package func discardRest() {
        while let unwanted = take() { discard(unwanted) }
    }
}
