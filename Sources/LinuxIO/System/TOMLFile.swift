import CTOML
import Configuration
import MeterDaemon

/// Parses TOML 1.0. Positions are those that toml++ reports; an implicit table has the position of its first key.
package func parseTOML(_ bytes: [UInt8], file: String) throws(ConfigurationErrors) -> TOMLTable {
    let parsed = bytes.withUnsafeBytes { bytes in ctoml_parse(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count) }
    guard let document = parsed else { throw ConfigurationErrors([ConfigurationError(file: file, "out of memory")]) }
    defer { ctoml_free(document) }
    var position = ctoml_position()
    let error = String(ctoml_error(document, &position))
    guard error.isEmpty else {
        let hint = error.hasSuffix("could not determine value type") ? "; a string must be in quotes" : ""
        throw ConfigurationErrors([ConfigurationError(file: file, at: TOMLPosition(position), error + hint)])
    }
    var count = 0
    var nodes = TOMLNodes(rest: UnsafeBufferPointer(start: ctoml_nodes(document, &count), count: count)[...])
    guard case .table(let table)? = nodes.next(depth: 0)?.value.content else {
        throw ConfigurationErrors([
            ConfigurationError(file: file, at: TOMLPosition(1, 1), "tables are nested more than 32 deep")
        ])
    }
    return table
}

/// Iterates over the flat list of nodes, in which each node precedes its children.
private struct TOMLNodes {
    var rest: Slice<UnsafeBufferPointer<ctoml_node>>

    /// The next node with its children; `nil` if they are nested too deeply, which no configuration needs.
    mutating func next(depth: Int) -> TOMLTable.Entry? {
        guard depth <= 32, let node = rest.popFirst() else { return nil }
        let text = String(node.text)
        let content: TOMLValue.Content
        switch node.kind {
        case CTOML_TABLE, CTOML_ARRAY:
            var children: [TOMLTable.Entry] = []
            for _ in 0..<node.children {
                guard let child = next(depth: depth + 1) else { return nil }
                children.append(child)
            }
            // toml++ sorts by name; this restores the order in the file.
            if node.kind == CTOML_TABLE { children.sort { $0.position < $1.position } }
            content = node.kind == CTOML_TABLE ? .table(TOMLTable(children)) : .array(children.map(\.value))
        case CTOML_STRING: content = .string(text)
        case CTOML_INTEGER: content = .integer(text)
        case CTOML_FLOAT: content = .float(text)
        case CTOML_BOOLEAN: content = .boolean(text == "true")
        default: content = .time(text)
        }
        return TOMLTable.Entry(String(node.key), at: TOMLPosition(node.key_at), TOMLValue(content, at: TOMLPosition(node.at)))
    }
}

extension TOMLPosition {
    fileprivate init(_ position: ctoml_position) { self.init(Int(position.line), Int(position.column)) }
}

extension String {
    fileprivate init(_ text: ctoml_text) {
        self.init(decoding: UnsafeRawBufferPointer(start: text.bytes, count: text.length), as: UTF8.self)
    }
}
