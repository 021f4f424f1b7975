/// A documentation page and its links.
struct Page {
    /// Relative to the repository: `docs/wiring.md`.
    var path: String
    var headings: Set<String> = []
    /// As written: `docs/wiring/header.svg`, `../pi-setup.md#4-install`, `#4-install`.
    var links: [(target: String, line: Int)] = []

    init(path: String, text: String) {
        self.path = path
        var isCode = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("```") { isCode.toggle() }
            guard !isCode else { continue }
            if line.hasPrefix("#") { headings.insert(Self.anchor(of: line)) }
            links += line.split(separator: "](").dropFirst().map { (String($0.prefix { $0 != ")" }), index + 1) }
        }
    }

    /// The broken links. External links are not checked.
    func broken(among pages: [Page], isThere: (String) -> Bool) -> [Violation] {
        links.compactMap { link in
            if link.target.contains("://") { return nil }
            let parts = link.target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let target = parts[0].isEmpty ? path : resolve(parts[0])
            guard isThere(target) else {
                return Violation(path: path, line: link.line, rule: "broken link", cure: "there is no \(target)")
            }
            guard parts.count == 2, let page = pages.first(where: { $0.path == target }) else { return nil }
            if page.headings.contains(String(parts[1])) { return nil }
            return Violation(path: path, line: link.line, rule: "broken link", cure: "\(target) has no heading #\(parts[1])")
        }
    }

    /// Makes a target relative to the repository instead of the page's folder.
    private func resolve(_ target: Substring) -> String {
        var parts = path.split(separator: "/").dropLast()
        for part in target.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    /// The anchor of a heading, by the rules of sites that render Markdown.
    private static func anchor(of heading: Substring) -> String {
        let text = heading.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
        return String(text.filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }.map { $0 == " " ? "-" : $0 })
    }
}
