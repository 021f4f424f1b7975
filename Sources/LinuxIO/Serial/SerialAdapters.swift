import Configuration
import Glibc
import MeterDaemon

/// Creates the port for a name in a configuration or on the command line: a path, or `tcp://host:port`.
package func serialPort(_ name: String, loop: EventLoop) -> any SerialPort {
    if let head = RemoteHead(name) { TCPPort(head, loop: loop) } else { TTYPort(path: name, loop: loop) }
}

/// The serial adapters that are plugged in, by their permanent names.
package func serialAdapters() -> [String] {
    let directory = "/dev/serial/by-id"
    return namesInDirectory(directory).map { directory + "/" + $0 }
}

/// The permanent name of a port if it has one, otherwise its absolute path.
package func lastingName(of port: String) -> String {
    if let place = resolved(port), let name = serialAdapters().first(where: { resolved($0) == place }) { return name }
    guard !port.hasPrefix("/"), RemoteHead(port) == nil, let directory = getcwd(nil, 0) else { return port }
    defer { free(directory) }
    return String(cString: directory) + "/" + port
}

private func resolved(_ path: String) -> String? {
    guard let target = realpath(path, nil) else { return nil }
    defer { free(target) }
    return String(cString: target)
}
