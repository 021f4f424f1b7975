import LinuxIO
import MeterProtocols

/// The maximum size of a file: a day of telegrams, one per second, in hex.
private let limit = 128 * 1024 * 1024

/// Reads a file, or standard input if `file` is `-`. Errors are printed.
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

/// Reads the bytes of a recording without its timestamps; any other file is read as it is.
func readRecordedBytes(_ file: String) -> [UInt8]? {
    readFile(file).flatMap { Recording.isRecording($0) ? recording($0, file)?.bytes : $0 }
}
