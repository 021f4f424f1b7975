import Metering

/// Which of the wanted registers a meter has, and the command that reads them. Learned from its answers, and reset when the meter may have
/// been replaced.
struct RegisterAccess: Sendable {
    private static let refusalsAllowed = 3

    private let wanted: [OBISCode]
    /// The wanted registers without those that the meter keeps refusing.
    private(set) var remaining: [OBISCode]
    private var refusals: [OBISCode: Int] = [:]
    private var answered: Set<OBISCode> = []
    /// Whether to read with R5, a command of the extension that `\@` announces, instead of R1. `nil` before the first identification.
    private var usesR5: Bool?
    private var hasTriedBoth = false

    init(_ wanted: [OBISCode]) {
        self.wanted = wanted
        remaining = wanted
    }

    /// R1 or R5.
    var command: [UInt8] { [UInt8(ascii: "R"), UInt8(ascii: usesR5 == true ? "5" : "1")] }

    mutating func note(_ identification: Identification) {
        if usesR5 == nil { usesR5 = identification.escapes.contains(UInt8(ascii: "@")) }
    }

    mutating func noteAnswer(to code: OBISCode) {
        answered.insert(code)
        if !refusals.isEmpty { refusals[code] = nil }
    }

    /// A single refusal may be caused by a bit that flipped on the way to the meter and turned our question into another one; a register
    /// that is refused again and again does not exist. But a register that has been read before is kept: a temporary fault must not stop
    /// a total for ever.
    mutating func noteRefusal(of code: OBISCode) {
        refusals[code, default: 0] += 1
        if refusals[code, default: 0] >= Self.refusalsAllowed, !answered.contains(code) { remaining.removeAll { $0 == code } }
    }

    /// Changes to the other command, because every register was refused: the meter may not support this one. Returns `false` if both have
    /// been tried.
    mutating func tryOtherCommand() -> Bool {
        guard !hasTriedBoth else { return false }
        hasTriedBoth = true
        usesR5?.toggle()
        (remaining, refusals) = (wanted, [:])
        return true
    }
}

/// The registers of one round, and the one that is being asked for.
struct RegisterRound: Equatable, Sendable {
    let current: OBISCode
    private let rest: ArraySlice<OBISCode>

    /// Returns `nil` if there are no registers.
    init?(_ codes: ArraySlice<OBISCode>) {
        guard let first = codes.first else { return nil }
        (current, rest) = (first, codes.dropFirst())
    }

    /// `nil` after the last register.
    var next: RegisterRound? { RegisterRound(rest) }
}
