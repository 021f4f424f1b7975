import CLinux
import Glibc
import MeterDaemon
import MeterProtocols
import Metering
import Synchronization

package func pulseJournal(in ram: RunFolder?) -> any PulseJournal {
    guard let ram else { return NoPulseJournal() }
    return PulseMarkFiles(ram)
}

/// The marks of the pulse counters as files in RAM.
package final class PulseMarkFiles: PulseJournal {
    private let prefix: String

    package init(_ folder: RunFolder) { prefix = folder.prefix }

    package func mark(of meter: String) -> PulseMark? {
        guard case .success(let bytes) = readBounded(prefix + meter, limit: PulseMark.size), bytes.count == PulseMark.size else {
            return nil
        }
        return PulseMark(bytes.withUnsafeBytes { $0.loadUnaligned(as: PulseMark.Words.self) })
    }

    package func page(of meter: String) -> any PulseJournalPage { Page(path: prefix + meter) }

    private final class Page: PulseJournalPage {
        private let path: String
        private let descriptor = Atomic<Int32>(-1)

        init(path: String) {
            self.path = path
            open()
        }

        deinit { close(descriptor.load(ordering: .relaxed)) }

        private func open() {
            descriptor.store(Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640), ordering: .relaxed)
        }

        /// One page of memory is written in one go: who is killed meanwhile has written the old mark or the new one.
        @inline(__always)
        func note(_ mark: PulseMark) {
            withUnsafeBytes(of: mark.words) { words in
                _ = clinux_overwrite(descriptor.load(ordering: .relaxed), words.baseAddress, UInt(words.count))
            }
        }
    }
}
