/// The serial adapters that are plugged in, by the names that stay theirs.
package func serialAdapters() -> [String] {
    let directory = "/dev/serial/by-id"
    return namesInDirectory(directory).map { directory + "/" + $0 }
}
