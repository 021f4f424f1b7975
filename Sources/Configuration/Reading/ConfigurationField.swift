/// A key of a table: its name, its format, and where the value is stored. The default is the value that was stored before.
struct ConfigurationField<Target> {
    let name: String
    let read: (inout ConfigurationSection, inout Target) -> Void

    init<Value>(_ name: String, _ format: ConfigurationFormat<Value>, _ store: @escaping (inout Target, Value) -> Void) {
        self.name = name
        read = { section, target in
            if let value = section.read(name, format) { store(&target, value) }
        }
    }

    /// A key that depends on other keys is read separately.
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
