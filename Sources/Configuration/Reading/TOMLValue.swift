/// A value of a TOML file with its position, not yet interpreted.
package struct TOMLValue: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case table(TOMLTable)
        case array([TOMLValue])
        case string(String)
        /// The number as written, without underscores, so that 0.1 stays exact.
        case integer(String), float(String)
        case boolean(Bool)
        case time(String)
    }

    package var content: Content
    package var position: TOMLPosition

    package init(_ content: Content, at position: TOMLPosition) {
        self.content = content
        self.position = position
    }
}

package struct TOMLTable: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var key: String
        package var position: TOMLPosition
        package var value: TOMLValue

        package init(_ key: String, at position: TOMLPosition, _ value: TOMLValue) {
            self.key = key
            self.position = position
            self.value = value
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry] = []) { self.entries = entries }

    package subscript(_ key: String) -> Entry? { entries.first { $0.key == key } }
}

/// Counted from 1; columns count characters.
package struct TOMLPosition: Sendable, Hashable, Comparable {
    package var line: Int
    package var column: Int

    package init(_ line: Int, _ column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (a: TOMLPosition, b: TOMLPosition) -> Bool { (a.line, a.column) < (b.line, b.column) }
}
