import Metering

extension Language {
    /// To add a language: its folder with a row like the others, and a line here. Messages list them in this order.
    package static let all: [Language] = [.iec62056, .d0Push, .sml, .p1]

    package static func named(_ name: MeterProtocol) -> Language {
        guard let language = all.first(where: { $0.name == name }) else {
            preconditionFailure("\(name.rawValue) is missing from Language.all")
        }
        return language
    }
}

/// The decoder for a protocol; with `nil`, one that detects it.
package func pushDecoder(for name: MeterProtocol?) -> any PushDecoder { name.map { Language.named($0).decoder() } ?? AutoDecoder() }

/// The session that reads a meter; with `nil`, one that detects the protocol, beginning with the `known` one.
package func session(for name: MeterProtocol?, plan: ReadingPlan, known: KnownLanguage? = nil) -> any MeterSession {
    guard let name else { return AutoSession(plan: plan, known: known) }
    if let session = Language.named(name).session { return session(plan) }
    return PushSession(name, signsByStatus: plan.signsByStatus, hasFixedSpeed: plan.hasFixedSpeed)
}
