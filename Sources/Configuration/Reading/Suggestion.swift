/// The candidate that was most likely meant, if one is close enough. Differences in case, `-` instead of `_`, and spaces don't count.
func closest(to text: String, among candidates: [String]) -> String? {
    let typed = plain(text)
    guard !typed.isEmpty, typed.count <= 40 else { return nil }
    let ranked = candidates.map { (name: $0, distance: distance(typed, plain($0))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, min(typed.count, plain(best.name).count) / 3) && best.distance < typed.count ? best.name : nil
}

private func plain(_ text: String) -> [Character] {
    text.prefix(64).lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " }.map { $0 == "³" ? "3" : $0 }
}

/// The edit distance: the number of letters to insert, remove, change or swap with a neighbour.
private func distance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var cost = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}

/// A text from the file in quotes, escaped to fit on one line of a terminal.
func quoted(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(60) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return "\"\(result)\(text.unicodeScalars.count > 60 ? "…" : "")\""
}

/// Joins the texts: `"a", "b" and "c"`.
func listed(_ texts: [String], _ conjunction: String = "or") -> String {
    let quotedTexts = texts.map { quoted($0) }
    guard let last = quotedTexts.last, texts.count > 1 else { return quotedTexts.first ?? "" }
    return quotedTexts.dropLast().joined(separator: ", ") + " \(conjunction) \(last)"
}
