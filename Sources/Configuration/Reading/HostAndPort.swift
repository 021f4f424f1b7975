/// Splits `host`, `host:port`, `[IPv6 address]` or `[IPv6 address]:port`; the port is not validated here.
func hostAndPort(_ text: Substring) -> (host: String, port: Substring?)? {
    let host: Substring
    let rest: Substring
    if text.first == "[" {
        guard let end = text.firstIndex(of: "]") else { return nil }
        host = text[text.index(after: text.startIndex)..<end]
        rest = text[text.index(after: end)...]
        guard host.contains(":"), host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ":.%_-".contains($0)) }) else {
            return nil
        }
    } else {
        host = text.prefix { $0 != ":" }
        rest = text[host.endIndex...]
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".-_".contains($0)) }) else { return nil }
    }
    guard host.utf8.count <= 253 else { return nil }
    if rest.isEmpty { return (String(host), nil) }
    guard rest.first == ":", !rest.dropFirst().contains(":") else { return nil }
    return (String(host), rest.dropFirst())
}

func portNumber(_ text: Substring) -> Int? {
    guard let number = Int(text), (1...65535).contains(number), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return number
}
