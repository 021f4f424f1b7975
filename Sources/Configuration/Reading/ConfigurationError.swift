/// One error in a configuration file: `config.toml:12:5: meter.registers: "1.8.x" is not an OBIS code; expected e.g. "1.8.0"`.
package struct ConfigurationError: Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// `nil` if the file could not be read at all.
    package var position: TOMLPosition?
    package var key: String?
    package var message: String

    package init(file: String, at position: TOMLPosition? = nil, key: String? = nil, _ message: String) {
        self.file = file
        self.position = position
        self.key = key
        self.message = message
    }

    package var description: String {
        var text = file
        if let position { text += ":\(position.line):\(position.column)" }
        if let key { text += ": \(key)" }
        return text + ": \(message)"
    }
}

/// All errors, in the order of the file. Never empty.
package struct ConfigurationErrors: Error, Sendable, Hashable, CustomStringConvertible {
    package var errors: [ConfigurationError]

    package init(_ errors: [ConfigurationError]) {
        precondition(!errors.isEmpty)
        self.errors = errors
    }

    package var description: String { errors.map(\.description).joined(separator: "\n") }
}
