/// What is wrong, where, and what to do instead.
struct Violation: CustomStringConvertible {
    var path: String
    var line: Int
    var rule: String
    var cure: String

    var description: String { "\(path):\(line): \(rule): \(cure)" }
}

/// A rule about single lines of code.
struct Rule: Sendable {
    var name: String
    var cure: String
    var finds: @Sendable (_ code: String) -> Bool
    /// Files to which the rule doesn't apply.
    var spares: @Sendable (_ path: String) -> Bool = { !$0.hasPrefix("Sources/") }

    static let all: [Rule] = [
        Rule(
            name: "Foundation", cure: "Metering has Quantity, Instant and WallTime; the C library is LinuxIO's",
            finds: { imports("Foundation", in: $0) || imports("FoundationEssentials", in: $0) }, spares: { _ in false }),
        Rule(
            name: "operating system outside LinuxIO", cure: "use a port of MeterDaemon, and implement it in LinuxIO",
            finds: { code in ["Glibc", "Dispatch", "CGPIO", "CMosquitto", "CTOML", "CLinux"].contains { imports($0, in: code) } },
            spares: { $0.hasPrefix("Sources/LinuxIO/") || $0.hasPrefix("Tests/") }),
        Rule(name: "try!", cure: "throw on, or do and catch", finds: { $0.contains("try!") }),
        Rule(name: "force unwrap", cure: "guard let, or a precondition that says why it can't be", finds: unwrapsByForce),
        Rule(
            name: "unstructured task", cure: "async let or a task group: who starts it waits for it",
            finds: { code in ["{", "(", ".detached", "<"].contains { has("Task\($0)", in: code) || has("Task \($0)", in: code) } },
            spares: { !$0.hasPrefix("Sources/") || $0 == "Sources/jouled/Main.swift" }),
        Rule(name: "public", cure: "package: nothing outside this package uses it", finds: { has("public ", in: $0) }),
    ]

    private static func imports(_ module: String, in code: String) -> Bool {
        let words = code.split(separator: " ")
        guard let keyword = words.firstIndex(of: "import") else { return false }
        return words[(keyword + 1)...].contains { $0 == module || $0.hasPrefix(module + ".") }
    }

    /// A `!` after a name, call, subscript or type; not `!=`, and not `try!`, which has its own rule.
    private static func unwrapsByForce(_ code: String) -> Bool {
        let bytes = Array(code.utf8)
        return bytes.indices.dropFirst().contains { index in
            guard bytes[index] == UInt8(ascii: "!"), bytes[index + 1..<bytes.endIndex].first != UInt8(ascii: "=") else { return false }
            let before = bytes[index - 1]
            guard isWord(before) || [")", "]", "}", "?", "\"", ">", "`"].contains(where: { $0 == UnicodeScalar(before) }) else {
                return false
            }
            return !code.utf8.prefix(index).elementsEqual("try".utf8) && !bytes[..<index].suffix(4).elementsEqual(" try".utf8)
        }
    }

    /// Whether `text` occurs, but not as the end of a longer word.
    private static func has(_ text: String, in code: String) -> Bool {
        let bytes = Array(code.utf8)
        let wanted = Array(text.utf8)
        return bytes.indices.contains { index in
            bytes[index...].starts(with: wanted) && (index == 0 || !isWord(bytes[index - 1]))
        }
    }

    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "_"), 128...: true
        default: false
        }
    }
}

extension SourceFile {
    static let longestFunction = 60
    static let longestFile = 400

    var violations: [Violation] {
        var violations: [Violation] = []
        for rule in Rule.all where !rule.spares(path) {
            for (index, code) in code.enumerated() where rule.finds(code) { violations.append(violation(index, rule.name, rule.cure)) }
        }
        guard path.hasPrefix("Sources/") else { return violations }
        return violations + unexplainedEscapes + unfinished + tooLong
    }

    private func violation(_ index: Int, _ rule: String, _ cure: String) -> Violation {
        Violation(path: path, line: index + 1, rule: rule, cure: cure)
    }

    /// Code that switches off the compiler's checks needs a reason above it in the same paragraph.
    private var unexplainedEscapes: [Violation] {
        code.indices.filter { index in
            guard ["@unchecked", "nonisolated(unsafe)", "Unmanaged", "unsafeBitCast"].contains(where: { code[index].contains($0) }) else {
                return false
            }
            return !lines[...index].reversed().prefix { !$0.allSatisfy { $0 == " " } }.contains { $0.contains("SAFETY:") }
        }.map { violation($0, "unexplained escape", "a comment `// SAFETY: …` above it, or a Mutex or an actor instead") }
    }

    private var unfinished: [Violation] {
        lines.indices.filter { lines[$0].contains("TODO") || lines[$0].contains("FIXME") }
            .map { violation($0, "unfinished", "finish it, or open an issue") }
    }

    private var tooLong: [Violation] {
        var violations: [Violation] = []
        if lines.count > Self.longestFile {
            violations.append(
                violation(lines.count - 1, "long file", "at most \(Self.longestFile) lines: which part is a thing of its own?"))
        }
        for start in code.indices where Self.declaresBody(code[start]) {
            if let end = endOfBody(from: start), end - start >= Self.longestFunction {
                violations.append(violation(start, "long function", "at most \(Self.longestFunction) lines: name a part of it"))
            }
        }
        return violations
    }

    private static func declaresBody(_ code: String) -> Bool {
        let words = code.split { !Rule.isWord($0.utf8.first ?? 0) }
        if words.contains("func") || words.contains("deinit") || words.contains("subscript") { return true }
        let modifiers: Set<Substring> = ["package", "private", "fileprivate", "internal", "static", "convenience", "required", "override"]
        let first = words.first { !modifiers.contains($0) }
        return first == "init" || (first == "var" && code.hasSuffix("{"))
    }

    /// Determined by indentation, which swift-format guarantees. `nil` if there is no body, or one on the same line.
    private func endOfBody(from start: Int) -> Int? {
        let indentation = code[start].prefix { $0 == " " }.count
        for index in code.indices[(start + 1)...] {
            let text = code[index].drop { $0 == " " }
            if text.isEmpty || code[index].count - text.count > indentation || text.hasPrefix(")") { continue }
            return code[index].count - text.count == indentation && text.hasPrefix("}") ? index : nil
        }
        return nil
    }
}
