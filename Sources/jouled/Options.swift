/// The arguments of a command, parsed the way GNU programs do it: `--name VALUE`, `--name=VALUE`, `-c VALUE`, `-cVALUE`; `--` ends the
/// options. `-5` is a number, not an option.
struct Options {
    struct Rule {
        var name: String
        var letter: Character?
        var takesValue: Bool
        /// The option may be given more than once.
        var repeats = false

        static func value(_ name: String, _ letter: Character? = nil, repeats: Bool = false) -> Rule {
            Rule(name: name, letter: letter, takesValue: true, repeats: repeats)
        }

        static func flag(_ name: String, _ letter: Character? = nil) -> Rule { Rule(name: name, letter: letter, takesValue: false) }
    }

    struct Misuse: Error { var reason: String }

    private(set) var words: [String] = []
    private var values: [String: [String]] = [:]

    init(_ arguments: [String], rules: [Rule]) throws(Misuse) {
        let rules = rules + [.flag("help", "h"), .flag("version", "V")]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                words += rest
                return
            } else if argument.hasPrefix("--") {
                let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard let rule = rules.first(where: { $0.name == parts[0] }) else {
                    throw Misuse(reason: "unknown option --\(parts[0])")
                }
                try take(rule, parts.count == 2 ? parts[1] : nil, &rest)
            } else if argument.hasPrefix("-"), let second = argument.dropFirst().first, !second.isNumber {
                var letters = argument.dropFirst()
                while let letter = letters.popFirst() {
                    guard let rule = rules.first(where: { $0.letter == letter }) else {
                        throw Misuse(reason: "unknown option -\(letter)")
                    }
                    try take(rule, rule.takesValue && !letters.isEmpty ? String(letters) : nil, &rest)
                    if rule.takesValue { break }
                }
            } else {
                words.append(argument)
            }
        }
    }

    private mutating func take(_ rule: Rule, _ given: String?, _ rest: inout ArraySlice<String>) throws(Misuse) {
        guard rule.takesValue else {
            guard given == nil else { throw Misuse(reason: "--\(rule.name) takes no value") }
            values[rule.name] = [""]
            return
        }
        guard let value = given ?? rest.popFirst() else { throw Misuse(reason: "--\(rule.name) needs a value") }
        guard rule.repeats || values[rule.name] == nil else { throw Misuse(reason: "--\(rule.name) is given twice") }
        values[rule.name, default: []].append(value)
    }

    func has(_ name: String) -> Bool { values[name] != nil }
    subscript(_ name: String) -> String? { values[name]?.first }
    func all(_ name: String) -> [String] { values[name] ?? [] }
}
