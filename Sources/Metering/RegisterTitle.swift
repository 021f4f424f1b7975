extension OBISCode {
    /// What an electricity meter's register means, in words; `nil` where that is not known.
    package var title: String? {
        guard a == 1 || a == 0 else { return nil }
        let suffix = f == 255 ? "" : ", billing period \(f)"
        if let total = totalTitle { return total + tariff + suffix }
        if d == 7, e == 0, let momentary = Self.momentaryTitles[c] { return momentary }
        switch (c, d, e) {
        case (96, 1, _), (0, 0, 9): return "serial number"
        case (0, 0, _): return "device address or property number"
        case (0, 2, _): return "firmware or configuration"
        case (0, 9, 1): return "clock: time"
        case (0, 9, 2): return "clock: date"
        case (0, 1, _): return "billing resets"
        case (96, 5, _): return "status word"
        case (96, 8, 0): return "operating time"
        case (96, 7, 0): return "power failures"
        case (96, 50, 1): return "manufacturer"
        case (97, 97, 0): return "error flags, 0 is none"
        case (1, 6, _): return "maximum import demand" + suffix
        case (2, 6, _): return "maximum export demand" + suffix
        default: return nil
        }
    }

    private var tariff: String { e == 0 ? "" : ", tariff \(e)" }

    private var totalTitle: String? {
        guard d == 8 else { return nil }
        return [
            1: "energy imported", 2: "energy exported", 15: "energy, import plus export", 16: "energy, import minus export",
            3: "reactive energy +", 4: "reactive energy −", 9: "apparent energy +", 10: "apparent energy −",
        ][c]
    }

    private static let momentaryTitles: [UInt8: String] = [
        1: "power imported", 2: "power exported", 15: "power, absolute", 16: "power, + import − export",
        36: "power L1", 56: "power L2", 76: "power L3", 32: "voltage L1", 52: "voltage L2", 72: "voltage L3",
        31: "current L1", 51: "current L2", 71: "current L3", 91: "current N", 14: "frequency", 13: "power factor",
        3: "reactive power +", 4: "reactive power −",
    ]
}
