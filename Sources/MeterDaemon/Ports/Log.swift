/// Writes lines to the log, without time stamps (journald adds its own).
package protocol Log: Sendable {
    func write(_ level: LogLevel, _ message: String)
}

package enum LogLevel: Int, Sendable, Comparable {
    case error = 3, warning = 4, notice = 5, info = 6, debug = 7
    package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}
