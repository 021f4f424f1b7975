/// The units that meters send and that we publish. Other spellings used by meters are parsed as one of these.
package enum Unit: String, Sendable, Hashable, CaseIterable {
    case wattHours = "Wh", kilowattHours = "kWh", watts = "W", kilowatts = "kW"
    case vars = "var", kilovars = "kvar", varHours = "varh", kilovarHours = "kvarh"
    case voltAmperes = "VA", kilovoltAmperes = "kVA", voltAmpereHours = "VAh", kilovoltAmpereHours = "kVAh"
    case volts = "V", amperes = "A", hertz = "Hz", degrees = "°", percent = "%"
    case cubicMetres = "m³", litres = "L", cubicMetresPerHour = "m³/h", litresPerHour = "L/h"
    case gigajoules = "GJ"
    case hours = "h", minutes = "min", seconds = "s", celsius = "°C"
}

package enum RegisterValue: Hashable, Sendable {
    /// As the meter sent it: all digits, and the unit (`nil` if the meter sends none and none is known).
    case number(Quantity, Unit?)
    case text(String)
}

/// One register of a meter as it was read.
package struct Register: Hashable, Sendable {
    package var code: OBISCode
    package var value: RegisterValue

    package init(_ code: OBISCode, _ value: RegisterValue) {
        self.code = code
        self.value = value
    }
}

/// A meter's protocol, by its name in the configuration. Each has a row in `Language.all`.
package struct MeterProtocol: RawRepresentable, Sendable, Hashable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// IEC 62056-21, modes A, B and C.
    package static let iec62056 = MeterProtocol(rawValue: "iec62056")
    /// IEC 62056-21, mode D.
    package static let d0Push = MeterProtocol(rawValue: "d0-push")
    package static let sml = MeterProtocol(rawValue: "sml")
    package static let p1 = MeterProtocol(rawValue: "p1")
}

/// The contents of one valid telegram, or of one complete round of register reads.
package struct Readout: Hashable, Sendable {
    /// The registers in the meter's order; if two have the same code, the first one counts.
    package var registers: [Register]
    /// The manufacturer's letters in upper case; `model` is the identification line after the baud rate character (`ME162-0033`).
    package var manufacturer: String?
    package var model: String?
    /// The number printed on the meter, if the protocol sends it outside the registers.
    package var serial: String?
    package var source = MeterProtocol.iec62056
    /// The telegram had a checksum; mode D, DSMR before 4, and lines copied from a terminal have none. `UncheckedReadouts` sets it as well
    /// for telegrams that are as good as checked.
    package var isChecked = true
    /// Without a checksum: the parity bit of every character was received, and is right.
    package var hasParity = false
    /// Without a checksum, for each register: the text of its line except for the digits, as a hash.
    package var shapes: [UInt64] = []
    /// Contains everything that the meter sends: a complete telegram or readout. False for registers that were read one by one, and for a
    /// readout of which parts were removed.
    package var isWhole: Bool
    /// The direction of the energy from the status word of the totals, if its format is known.
    package var direction: Direction?
    /// When the readout was requested: every value in it is at least as new as what the meter showed then.
    package var asked: Instant
    /// When the last byte of the readout arrived.
    package var at: Instant

    package init(
        _ registers: [Register], manufacturer: String? = nil, model: String? = nil, isWhole: Bool = true, asked: Instant? = nil, at: Instant
    ) {
        self.registers = registers
        self.manufacturer = manufacturer
        self.model = model
        self.isWhole = isWhole
        self.asked = asked ?? at
        self.at = at
    }

    package subscript(_ code: OBISCode) -> RegisterValue? { registers.first { $0.code == code }?.value }

    /// The number printed on the meter, if the meter sends it: the manufacturer's serial number is preferred to the utility's property
    /// number.
    package var number: String? { numberAndCode?.text }

    var numberAndCode: (text: String, code: OBISCode?)? {
        // P1 meters send the serial number in a register, in hex.
        if let serial, serial.isLabel { return (serial, source == .p1 ? OBISCode(0, 0, 96, 1, 1, 255) : nil) }
        for (c, d, e) in [(96, 1, 0), (96, 1, 255), (0, 0, 9), (0, 0, 0), (96, 1, 1), (0, 0, 1)] as [(UInt8, UInt8, UInt8)] {
            for register in registers
            where register.code.c == c && register.code.d == d && register.code.e == e && register.code.f == 255
                // Registers of a sub-meter behind this meter are skipped.
                && (register.code.a != 0 || register.code.b == 0)
            {
                if case .text(let text) = register.value, text.isLabel { return (text, register.code) }
            }
        }
        return nil
    }
}

package enum Direction: Sendable, Hashable { case importing, exporting }

extension String {
    /// Whether this may be a name or a number printed on a meter. Longer texts, and those with control characters, don't come from a meter,
    /// and must not get into topics, device registries, log lines and files.
    package var isLabel: Bool {
        !isEmpty && utf8.count <= 64 && utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
