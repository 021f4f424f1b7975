import Glibc

/// Recordings of real meters, which may lie next to the repository (`../shared/captures`) but are never part of it.
struct CaptureFiles {
    let folder: String
    let names: [String]

    /// `nil` if there are none.
    init?(_ kind: String, file: String = #filePath) {
        guard let tests = file.range(ofLast: "/Tests/") else { return nil }
        folder = file[..<tests] + "/../shared/captures/" + kind
        guard let directory = opendir(folder) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.first != "." { names.append(name) }
        }
        self.names = names.sorted()
    }

    func bytes(of name: String) -> [UInt8]? {
        guard let file = fopen(folder + "/" + name, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return bytes
    }
}

extension String {
    fileprivate func range(ofLast part: String) -> String.Index? {
        indices.last { self[$0...].hasPrefix(part) }
    }
}
