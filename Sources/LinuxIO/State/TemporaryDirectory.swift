import Glibc

/// Creates a new directory that only this user can access.
package func makeTemporaryDirectory(_ name: String) throws(SystemError) -> String {
    var template = Array("/tmp/\(name).XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp \(name)", errno) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Removes a directory and the files in it; it must not contain directories.
package func removeDirectory(_ path: String) {
    for name in namesInDirectory(path) { unlink(path + "/" + name) }
    rmdir(path)
}

/// The file names in a directory, sorted and without hidden files; empty if there is no such directory.
package func namesInDirectory(_ path: String) -> [String] {
    guard let entries = opendir(path) else { return [] }
    defer { closedir(entries) }
    var names: [String] = []
    while let entry = readdir(entries) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
}
