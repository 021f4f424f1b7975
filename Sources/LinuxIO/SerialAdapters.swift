import MeterDaemon

/// What a configuration or a person calls a port: a path, or `tcp://host:port`.
package func serialPort(_ name: String, loop: EventLoop) -> any SerialPort {
    if let head = RemoteHead(name) { TCPPort(head, loop: loop) } else { TTYPort(path: name, loop: loop) }
}

/// The serial adapters that are plugged in, by the names that stay theirs.
package func serialAdapters() -> [String] {
    let directory = "/dev/serial/by-id"
    return namesInDirectory(directory).map { directory + "/" + $0 }
}
