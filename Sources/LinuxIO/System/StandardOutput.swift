import Glibc
import Synchronization

/// The error of the first failed write to standard output; `nil` as long as the output is complete.
private let failure = Mutex<Int32?>(nil)

package enum OutputFailure: Sendable {
    /// The reader has closed the pipe, as in `jouled decode FILE | head`, where `head` needs no more.
    case readerLeft
    case other(SystemError)
}

package var outputFailure: OutputFailure? {
    failure.withLock { $0 }.map { $0 == EPIPE ? .readerLeft : .other(SystemError("standard output", $0)) }
}

func noteOutputFailure(_ code: Int32) { failure.withLock { $0 = $0 ?? code } }
