import Glibc

/// A Swift file, prepared for the rules.
struct SourceFile {
    /// Relative to the repository: `Sources/Metering/Quantity.swift`.
    var path: String
    /// As written.
    var lines: [String]
    /// Without comments and the text of strings; interpolated expressions are code.
    var code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        code = CodeReader.code(of: text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    static func all(in folder: String, of repository: String) -> [SourceFile] {
        names(in: "\(repository)/\(folder)").sorted().flatMap { name in
            let path = "\(folder)/\(name)"
            guard name.hasSuffix(".swift") else { return all(in: path, of: repository) }
            return [SourceFile(path: path, text: text(of: "\(repository)/\(path)"))]
        }
    }

    /// Empty if it is not a folder.
    static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    static func text(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Separates code from comments and strings.
private struct CodeReader {
    private enum Place: Equatable {
        /// `parentheses`: open ones since the interpolation began.
        case code(parentheses: Int)
        case string(quotes: Int, hashes: Int)
        case comment
    }

    private var rest: ArraySlice<UInt8>
    private var code: [UInt8] = []
    private var places: [Place] = [.code(parentheses: 0)]

    static func code(of text: String) -> String {
        var reader = CodeReader(rest: Array(text.utf8)[...])
        while !reader.rest.isEmpty { reader.step() }
        return String(decoding: reader.code, as: UTF8.self)
    }

    private init(rest: ArraySlice<UInt8>) { self.rest = rest }

    private mutating func step() {
        switch places[places.count - 1] {
        case .code(let parentheses): stepInCode(parentheses)
        case .string(let quotes, let hashes): stepInString(quotes, hashes)
        case .comment:
            if rest.first == UInt8(ascii: "\n") { places.removeLast() } else { rest = rest.dropFirst() }
        }
    }

    private mutating func stepInCode(_ parentheses: Int) {
        if take("//") {
            places.append(.comment)
            return
        }
        let hashes = rest.prefix { $0 == UInt8(ascii: "#") }.count
        let quotes = rest.dropFirst(hashes).prefix { $0 == UInt8(ascii: "\"") }.count
        if quotes > 0 {
            // Two quotes are an empty string.
            let opening = quotes >= 3 ? 3 : 1
            rest = rest.dropFirst(hashes + (quotes == 2 ? 2 : opening))
            if quotes != 2 { places.append(.string(quotes: opening, hashes: hashes)) }
            code += Array("\"\"".utf8)
            return
        }
        guard let byte = rest.popFirst() else { return }
        if byte == UInt8(ascii: "("), parentheses > 0 { places[places.count - 1] = .code(parentheses: parentheses + 1) }
        if byte == UInt8(ascii: ")"), parentheses > 0 {
            if parentheses == 1 { places.removeLast() } else { places[places.count - 1] = .code(parentheses: parentheses - 1) }
        }
        code.append(byte)
    }

    private mutating func stepInString(_ quotes: Int, _ hashes: Int) {
        let marks = String(repeating: "#", count: hashes)
        if take("\\\(marks)(") {
            places.append(.code(parentheses: 1))
            code += Array(" (".utf8)
        } else if take("\\\(marks)") {
            rest = rest.dropFirst()
        } else if take(String(repeating: "\"", count: quotes) + marks) {
            places.removeLast()
        } else if rest.popFirst() == UInt8(ascii: "\n") {
            code.append(UInt8(ascii: "\n"))
        }
    }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }
}
