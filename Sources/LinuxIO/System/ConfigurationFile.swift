import Configuration
import Glibc
import MeterDaemon
import Metering

/// Reads the configuration file, its secrets and the values that depend on this machine. Returns a configuration that is valid as far as
/// can be checked without the devices, or throws all errors.
package func loadConfiguration(path: String) throws(ConfigurationErrors) -> Configuration {
    let bytes: [UInt8]
    switch readFile(path, upTo: 1 << 20) {
    case .success(let content): bytes = content
    case .failure(let obstacle): throw ConfigurationErrors([ConfigurationError(file: path, obstacle.words)])
    }
    return try ConfigurationReader.read(try parseTOML(bytes, file: path), file: path, environment: .ofThisMachine).get()
}

extension ConfigurationEnvironment {
    static var ofThisMachine: ConfigurationEnvironment {
        ConfigurationEnvironment(
            hostName: machineName(), machine: machineMark(),
            credentialsDirectory: getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) },
            readSecret: { path in
                switch readFile(path, upTo: 4096) {
                case .success(let bytes):
                    guard let text = String(validating: bytes, as: UTF8.self) else { return .unreadable("is not UTF-8") }
                    return .text(text)
                case .failure(let obstacle): return obstacle.code == ENOENT ? .missing : .unreadable(obstacle.words)
                }
            },
            obstacle: { path in
                switch readFile(path, upTo: 1 << 20) {
                case .success: nil
                case .failure(let obstacle): obstacle.words
                }
            })
    }
}

private struct FileObstacle: Error {
    var code: Int32
    var words: String

    static func ofThisThread() -> FileObstacle {
        let code = errno
        let words =
            switch code {
            case ENOENT: "no such file"
            case EACCES: "no permission to read it as user \(userName())"
            default: String(cString: strerror(code))
            }
        return FileObstacle(code: code, words: words)
    }
}

private func readFile(_ path: String, upTo limit: Int) -> Result<[UInt8], FileObstacle> {
    // O_NONBLOCK: opening a pipe that has no writer must not block.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return .failure(.ofThisThread()) }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { return .failure(.ofThisThread()) }
        guard count > 0 else { return .success(bytes) }
        bytes += buffer[..<count]
        guard bytes.count <= limit else { return .failure(FileObstacle(code: EFBIG, words: "is larger than \(limit) bytes")) }
    }
}

private func machineName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Distinguishes this machine from others, even with a copied SD card: the machine-id is then the same, but not the board's serial number.
/// Only four hex digits of a checksum of both, because they are published in the client_id, which MQTT 3.1.1 brokers may limit to 23
/// characters.
private func machineMark() -> String {
    var numbers: [UInt8] = []
    for path in ["/etc/machine-id", "/sys/firmware/devicetree/base/serial-number"] {
        if case .success(let bytes) = readFile(path, upTo: 256) { numbers += bytes }
    }
    guard !numbers.isEmpty else { return "" }
    let mark = String(CheckSum.crc32(numbers) & 0xFFFF, radix: 16)
    return String(repeating: "0", count: 4 - mark.utf8.count) + mark
}

private func userName() -> String {
    guard let entry = getpwuid(geteuid()) else { return "\(geteuid())" }
    return String(cString: entry.pointee.pw_name)
}
