/// The units that meters send and that we publish. What a meter spells differently is read as one of these.
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
    /// As the meter sent it: all its digits, its unit (none where the meter sends none and none is known).
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

/// How a meter speaks, by the name that the configuration has for it.
package enum MeterProtocol: String, Sendable, Hashable, CaseIterable {
    /// Modes A, B and C.
    case iec62056
    /// Mode D.
    case d0Push = "d0-push"
    case sml, p1
}

/// What one valid telegram said, or one whole round of register reads.
package struct Readout: Hashable, Sendable {
    /// The registers in the meter's order; of two with the same code the first one counts.
    package var registers: [Register]
    /// The manufacturer's letters, upper case, and the rest of the identification line behind the speed character (`ME162-0033`).
    package var manufacturer: String?
    package var model: String?
    /// What is printed on the meter, where the protocol says it outside the registers.
    package var serial: String?
    package var source = MeterProtocol.iec62056
    /// It had a checksum; mode D, DSMR before 4, and lines copied from a terminal have none.
    package var isChecked = true
    /// Everything that the meter has to say came at once: a telegram or a readout. Registers that were asked for one by one are not, nor is
    /// what is left of a readout when some of it was taken out.
    package var isWhole: Bool
    /// What the status word of the totals says of the energy's direction, where it is known how to read it.
    package var direction: Direction?
    /// When it was asked for: no value in it is older than what the meter showed then.
    package var asked: Instant
    /// When its last byte arrived.
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

    /// What is printed on the meter, as far as it says so: the maker's serial number before the utility's property number.
    package var number: String? {
        if let serial, serial.isLabel { return serial }
        for (c, d, e) in [(96, 1, 0), (96, 1, 255), (0, 0, 9), (0, 0, 0), (96, 1, 1), (0, 0, 1)] as [(UInt8, UInt8, UInt8)] {
            for register in registers
            where register.code.c == c && register.code.d == d && register.code.e == e && register.code.f == 255
                // Of a meter behind it.
                && (register.code.a != 0 || register.code.b == 0)
            {
                if case .text(let text) = register.value, text.isLabel { return text }
            }
        }
        return nil
    }
}

package enum Direction: Sendable, Hashable { case importing, exporting }

extension String {
    /// A name or a number as it may be printed on a meter. Longer texts, and those with control characters, come from what is no meter, and
    /// would go into topics, device registries, log lines and files.
    package var isLabel: Bool {
        !isEmpty && utf8.count <= 64 && utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
