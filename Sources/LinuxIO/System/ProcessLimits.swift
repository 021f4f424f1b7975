import Glibc
import MeterDaemon

/// The process as it is given to us: its standard streams, and the limits that it must live with. Before anything else is done.
///
/// What the kernel refuses is an error like any other, but memory: Swift ends the process with a signal then, so `CLinux` refuses too little
/// of it before Swift's runtime starts.
package func checkProcess() {
    // Else the next file to be opened would get what is written to them. What is written to a closed one must go on failing.
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
    // A file that would become too long is an error of that file.
    signal(SIGXFSZ, SIG_IGN)
}

/// `nil`: there is none.
private func limit(_ resource: __rlimit_resource) -> UInt? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur != UInt.max else { return nil }
    return limit.rlim_cur
}

/// The process can't be without what the kernel refused: whoever started it may start it again.
func endProcess(withoutDescriptor code: Int32) -> Never {
    let limit = limit(RLIMIT_NOFILE).map { ", the limit is \($0): ulimit -n, LimitNOFILE=" } ?? ""
    endProcess(without: "descriptor", code, code == EMFILE ? limit : "")
}

func endProcess(withoutThread code: Int32) -> Never {
    endProcess(without: "thread", code, code == EAGAIN ? ", by a limit on processes or on memory: ulimit -u, TasksMax=, ulimit -v" : "")
}

private func endProcess(without what: String, _ code: Int32, _ cure: String) -> Never {
    Journal().write(.error, "can't go on, the kernel gives no \(what): \(String(cString: strerror(code)))\(cure)")
    endProcess(1)
}
