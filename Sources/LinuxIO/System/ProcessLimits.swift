import Glibc
import MeterDaemon

/// Makes sure that the inherited standard streams and limits do no harm. Must be called before anything else.
///
/// If the kernel refuses a resource, that is an ordinary error, except for memory: Swift then ends the process with a signal. So before
/// Swift's runtime starts, `CLinux` checks that the memory limit is not too low.
package func checkProcess() {
    // Open missing standard streams: otherwise the next opened file would receive what is written to the stream. They are opened
    // read-only, so that writing still fails.
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
    // A write that exceeds the file size limit then fails with an error instead of a signal.
    signal(SIGXFSZ, SIG_IGN)
}

/// Returns the limit on a resource, or `nil` if there is none.
private func limit(_ resource: __rlimit_resource) -> UInt? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur != UInt.max else { return nil }
    return limit.rlim_cur
}

/// Ends the process if the kernel refuses an essential descriptor. The service manager may then start the daemon again.
func endProcess(withoutDescriptor code: Int32) -> Never {
    let limit = limit(RLIMIT_NOFILE).map { " (the limit is \($0): ulimit -n, LimitNOFILE=)" } ?? ""
    endProcess(without: "descriptor", code, code == EMFILE ? limit : "")
}

func endProcess(withoutThread code: Int32) -> Never {
    endProcess(without: "thread", code, code == EAGAIN ? ": check the limits on processes and memory: ulimit -u, TasksMax=, ulimit -v" : "")
}

private func endProcess(without what: String, _ code: Int32, _ cure: String) -> Never {
    Journal().write(.error, "can't continue: the kernel refuses a \(what): \(String(cString: strerror(code)))\(cure)")
    endProcess(1)
}
