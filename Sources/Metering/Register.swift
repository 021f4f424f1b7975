/// The units that meters send and that we publish. What a meter spells differently is read as one of these.
package enum Unit: String, Sendable, Hashable, CaseIterable {
    case wattHours = "Wh", kilowattHours = "kWh", watts = "W", kilowatts = "kW"
    case vars = "var", kilovars = "kvar", varHours = "varh", kilovarHours = "kvarh"
    case voltAmperes = "VA", kilovoltAmperes = "kVA", voltAmpereHours = "VAh", kilovoltAmpereHours = "kVAh"
    case volts = "V", amperes = "A", hertz = "Hz", degrees = "°", percent = "%"
    case cubicMetres = "m³", litres = "L", cubicMetresPerHour = "m³/h", litresPerHour = "L/h"
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

/// What one valid telegram said, or one whole round of register reads.
package struct Readout: Hashable, Sendable {
    /// The registers in the meter's order; of two with the same code the first one counts.
    package var registers: [Register]
    /// The meter's identification line after the speed character (`ME162-0033`), and its manufacturer's three letters, upper case.
    package var manufacturer: String?
    package var model: String?
    /// When its last byte arrived.
    package var at: Instant

    package init(_ registers: [Register], manufacturer: String? = nil, model: String? = nil, at: Instant) {
        self.registers = registers
        self.manufacturer = manufacturer
        self.model = model
        self.at = at
    }

    package subscript(_ code: OBISCode) -> RegisterValue? { registers.first { $0.code == code }?.value }
}
