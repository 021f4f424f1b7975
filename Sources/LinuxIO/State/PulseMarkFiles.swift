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
    private let ram: RunFolder

    package init(_ ram: RunFolder) { self.ram = ram }

    package func mark(of meter: String) -> PulseMark? {
        guard case .success(let bytes) = ram.folder.read(ram.prefix + meter, limit: PulseMark.size), bytes.count == PulseMark.size else {
            return nil
        }
        return PulseMark(bytes.withUnsafeBytes { $0.loadUnaligned(as: PulseMark.Words.self) })
    }

    package func page(of meter: String) -> any PulseJournalPage { Page(ram.folder, ram.prefix + meter) }

    private final class Page: PulseJournalPage {
        private let folder: Folder
        private let name: String
        private let descriptor = Atomic<Int32>(-1)
        private let failure = Mutex<SystemError?>(nil)

        init(_ folder: Folder, _ name: String) {
            self.folder = folder
            self.name = name
            open()
        }

        deinit { close(descriptor.load(ordering: .relaxed)) }

        var obstacle: PortError? { failure.withLock { $0.map { PortError($0.description) } } }

        private func open() {
            do throws(SystemError) {
                descriptor.store(try folder.openOrCreate(name, O_WRONLY), ordering: .relaxed)
                failure.withLock { $0 = nil }
            } catch {
                failure.withLock { $0 = error }
            }
        }

        /// A write within one page of memory can't be interrupted: if the process is killed during it, the file holds either the old mark
        /// or the new one.
        @inline(__always)
        func note(_ mark: PulseMark) -> Bool {
            let written = withUnsafeBytes(of: mark.words) { words in
                clinux_overwrite(descriptor.load(ordering: .relaxed), words.baseAddress, UInt(words.count))
            }
            if written == MemoryLayout<PulseMark.Words>.size { return true }
            noteFailure(written < 0 ? errno : ENOSPC)
            return false
        }

        /// Handles a failed write. If the file could not be opened before, tries again, for the next mark.
        @inline(never)
        private func noteFailure(_ code: Int32) {
            guard descriptor.load(ordering: .relaxed) >= 0 else { return open() }
            failure.withLock { $0 = SystemError("write \(folder.path)/\(name)", code) }
        }
    }
}
