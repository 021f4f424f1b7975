/// A key of a table: its name, its format, and where its value is stored. The value already stored there is the default.
struct ConfigurationField<Target> {
    let name: String
    let read: (inout ConfigurationSection, inout Target) -> Void

    init<Value>(_ name: String, _ format: ConfigurationFormat<Value>, _ store: @escaping (inout Target, Value) -> Void) {
        self.name = name
        read = { section, target in
            if let value = section.read(name, format) { store(&target, value) }
        }
    }

    /// For a key that is read separately, because it depends on other keys.
    init(_ name: String) {
        self.name = name
        read = { _, _ in }
    }
}

extension ConfigurationSection {
    mutating func read<Target>(_ fields: [ConfigurationField<Target>], into target: inout Target) {
        for field in fields { field.read(&self, &target) }
    }
}
