import Glibc
import MeterDaemon

/// Prepares the process for what it inherited: its standard streams and its limits. Must be called before anything else.
///
/// Refused resources are ordinary errors, except memory: then Swift ends the process with a signal, so `CLinux` checks before Swift's
/// runtime starts that the limit is not too low.
package func checkProcess() {
    // Otherwise the next opened file would get what is written to a closed stream. Read-only, so that writing to it still fails.
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
    // Exceeding the file size limit becomes an error of that file instead of a signal.
    signal(SIGXFSZ, SIG_IGN)
}

/// `nil` if there is no limit.
private func limit(_ resource: __rlimit_resource) -> UInt? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur != UInt.max else { return nil }
    return limit.rlim_cur
}

/// Ends the process when the kernel refuses something essential: the service manager may start it again.
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
