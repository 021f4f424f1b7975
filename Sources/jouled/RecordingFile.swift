import LinuxIO
import MeterProtocols

/// A day of telegrams once a second, in hex.
private let limit = 128 * 1024 * 1024

/// `-` is standard input. Errors are printed.
func readFile(_ file: String) -> [UInt8]? {
    switch file == "-" ? readBounded(0, limit: limit) : readBounded(file, limit: limit) {
    case .success(let bytes): return bytes
    case .failure(let error):
        printText("jouled: \(error)\n", to: standardError)
        return nil
    }
}

func recording(_ bytes: [UInt8], _ file: String) -> Recording? {
    do throws(Recording.Fault) {
        return try Recording(file: bytes)
    } catch {
        printText("jouled: \(file):\(error.line): not a line of a recording\n", to: standardError)
        return nil
    }
}

/// Without timestamps.
func readRecordedBytes(_ file: String) -> [UInt8]? {
    readFile(file).flatMap { Recording.isRecording($0) ? recording($0, file)?.bytes : $0 }
}
