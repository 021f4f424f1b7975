extension OBISCode {
    /// The meaning of an electricity meter's register, in words; `nil` if it is not known.
    package var title: String? {
        if a == 0, c == 24 { return subMeterTitle }
        guard a == 1 || a == 0 else { return nil }
        let suffix = f == 255 ? "" : ", billing period \(f)"
        if let total = totalTitle { return total + tariff + suffix }
        if d == 7, e == 0 || e == 255, let momentary = Self.momentaryTitles[c] { return momentary }
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
        case (96, 50, 1), (199, 130, 3): return "manufacturer"
        case (199, 130, 5): return "public key"
        case (96, 14, 0): return "current tariff"
        case (96, 13, _): return "message to the customer"
        case (1, 0, 0): return "clock"
        case (1, 4, 0): return "average import demand"
        case (81, 7, 1): return "angle of voltage L2 to L1"
        case (81, 7, 2): return "angle of voltage L3 to L1"
        case (81, 7, 4): return "angle of current to voltage L1"
        case (81, 7, 15): return "angle of current to voltage L2"
        case (81, 7, 26): return "angle of current to voltage L3"
        case (97, 97, 0): return "error flags, 0 is none"
        case (1, 6, _): return "maximum import demand" + suffix
        case (2, 6, _): return "maximum export demand" + suffix
        default: return nil
        }
    }

    /// A gas, water or heat meter on the M-Bus of a P1 meter.
    private var subMeterTitle: String? {
        switch d {
        case 1: "meter \(b): kind"
        case 2: "meter \(b): reading"
        case 4: "meter \(b): valve"
        default: nil
        }
    }

    private var tariff: String { e == 0 ? "" : ", tariff \(e)" }

    private var totalTitle: String? {
        guard d == 8 else { return nil }
        return [
            1: "energy imported", 2: "energy exported", 15: "energy, import plus export", 16: "energy, import minus export",
            3: "reactive energy +", 4: "reactive energy −", 5: "reactive energy, quadrant I", 6: "reactive energy, quadrant II",
            7: "reactive energy, quadrant III", 8: "reactive energy, quadrant IV", 9: "apparent energy +", 10: "apparent energy −",
        ][c]
    }

    private static let momentaryTitles: [UInt8: String] = [
        1: "power imported", 2: "power exported", 15: "power, absolute", 16: "power, + import − export",
        36: "power L1", 56: "power L2", 76: "power L3", 32: "voltage L1", 52: "voltage L2", 72: "voltage L3",
        31: "current L1", 51: "current L2", 71: "current L3", 91: "current N", 14: "frequency", 13: "power factor",
        3: "reactive power +", 4: "reactive power −", 9: "apparent power", 33: "power factor L1", 53: "power factor L2",
        73: "power factor L3", 21: "power imported L1", 41: "power imported L2", 61: "power imported L3", 22: "power exported L1",
        42: "power exported L2", 62: "power exported L3",
    ]
}
