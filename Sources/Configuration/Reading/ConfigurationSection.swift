/// A table of the file while it is being read. It returns the values and collects the errors.
struct ConfigurationSection {
    let file: String
    let keys: ConfigurationKeys
    let table: TOMLTable
    let position: TOMLPosition
    var errors: [ConfigurationError] = []

    init(_ keys: ConfigurationKeys, _ table: TOMLTable, at position: TOMLPosition, file: String) {
        self.file = file
        self.keys = keys
        self.table = table
        self.position = position
        for entry in table.entries where !keys.names.contains(entry.key) {
            // A key may be any text; it is shown in quotes unless it is a bare key.
            let isBare =
                entry.key.utf8.count <= 40 && entry.key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
            let key = keys.path(of: isBare && !entry.key.isEmpty ? entry.key : quoted(entry.key))
            errors.append(ConfigurationError(file: file, at: entry.position, key: key, keys.advice(on: entry.key)))
        }
    }

    func has(_ key: String) -> Bool { table[key] != nil }

    /// The position of the key's value, or of the table if the key is missing.
    func position(of key: String) -> TOMLPosition { table[key]?.value.position ?? position }

    mutating func refuse(_ key: String, at place: TOMLPosition? = nil, _ message: String) {
        errors.append(ConfigurationError(file: file, at: place ?? position(of: key), key: keys.path(of: key), message))
    }

    /// Returns `nil` if the key is missing or its value is wrong; a wrong value is recorded as an error.
    mutating func read<Value>(_ key: String, _ format: ConfigurationFormat<Value>) -> Value? {
        precondition(keys.names.contains(key))
        guard let entry = table[key] else { return nil }
        switch format.read(entry.value) {
        case .success(let value): return value
        case .failure(let refusal):
            refuse(key, at: refusal.position, refusal.message)
            return nil
        }
    }

    /// Like `read`, but a missing key is an error as well.
    mutating func required<Value>(_ key: String, _ format: ConfigurationFormat<Value>, _ advice: String) -> Value? {
        if !has(key) { refuse(key, "missing; \(advice)") }
        return read(key, format)
    }

    /// Returns the sub-table `[key]`.
    mutating func section(_ key: String, _ keys: ConfigurationKeys) -> ConfigurationSection? {
        guard let entry = table[key] else { return nil }
        guard case .table(let table) = entry.value.content else {
            refuse(key, at: entry.position, "expected one table that begins with the line \(keys.heading)")
            return nil
        }
        return ConfigurationSection(keys, table, at: entry.value.position, file: file)
    }

    /// Returns the sub-tables `[[key]]`, at most `limit` of them.
    mutating func sections(_ key: String, _ keys: ConfigurationKeys, upTo limit: Int) -> [ConfigurationSection] {
        guard let entry = table[key] else { return [] }
        guard case .array(let items) = entry.value.content else {
            refuse(key, at: entry.position, "expected a table that begins with the line \(keys.heading), with two pairs of brackets")
            return []
        }
        if items.count > limit { refuse(key, at: items[limit].position, "more than \(limit) of them; jouled reads at most \(limit)") }
        var sections: [ConfigurationSection] = []
        for item in items.prefix(limit) {
            if case .table(let table) = item.content {
                sections.append(ConfigurationSection(keys, table, at: item.position, file: file))
            } else {
                refuse(key, at: item.position, "\(item.summary), but expected a table that begins with the line \(keys.heading)")
            }
        }
        return sections
    }
}
