/// Meters send the same quantity in different registers; here each of these is mapped to the one that `Measurand` uses.
extension Readout {
    package var canonicalRegisters: [Register] {
        // The answer to a request for one total, as a polled meter sends several times a second: nothing below applies to it.
        if !isWhole, registers.count == 1, registers[0].code.d == 8 { return registers }
        var book = RegisterBook(registers)
        for phase in [20, 40, 60] as [UInt8] {
            // Q3D and Hager meters send 21.7.0 with a sign; P1 meters send 22.7.0 as well, for the export.
            book.add(OBISCode(phase + 16, 7, 0), book.difference(OBISCode(phase + 1, 7, 0), OBISCode(phase + 2, 7, 0)))
        }
        guard isWhole else { return book.registers }
        for code in [OBISCode(1, 8, 0), OBISCode(2, 8, 0)] { book.add(code, book.sumOfTariffs(of: code)) }
        // 1.7.0 alone is either signed (Q3D), or the meter only measures import. For a polled meter it stays `power_import`, as in a
        // session that reads the registers one by one.
        if source != .iec62056, book[OBISCode(2, 7, 0)] == nil, book[OBISCode(16, 7, 0)] == nil {
            book.rename(OBISCode(1, 7, 0), OBISCode(16, 7, 0))
        }
        book.add(OBISCode(16, 7, 0), signed(book[OBISCode(15, 7, 0)], book))
        return book.registers
    }

    /// For a meter that sends 16.7.0 without a sign, as only its owner can know: takes the sign from the status word.
    package var signedByStatus: Readout {
        guard direction == .exporting else { return self }
        var readout = self
        for (index, register) in registers.enumerated() where register.code.isRegister(16, 7, 0) {
            guard case .number(let power, let unit) = register.value, !power.isNegative else { continue }
            readout.registers[index].value = .number(power.negated, unit)
        }
        return readout
    }

    /// 15.7.0 is power without a sign. If the direction is unknown, the value can't be used.
    private func signed(_ value: RegisterValue?, _ book: RegisterBook) -> RegisterValue? {
        guard case .number(let power, let unit)? = value else { return nil }
        let (imports, exports) = (book[OBISCode(1, 8, 0)] != nil, book[OBISCode(2, 8, 0)] != nil)
        let way = direction ?? (imports == exports ? nil : imports ? .importing : .exporting)
        switch way {
        case .importing: return .number(power, unit)
        case .exporting: return .number(power.negated, unit)
        case nil: return nil
        }
    }

    /// Whether the meter sends totals in whole kWh and no power, as it does until the owner's PIN is entered.
    package var isLocked: Bool {
        guard isWhole, source == .sml || source == .d0Push else { return false }
        var isCoarse = false
        for register in registers where register.code.a == 1 && register.code.f == 255 {
            if register.code.d == 7 { return false }
            guard register.code.d == 8, case .number(let number, let unit?) = register.value else { continue }
            guard let exponent = unit.exponent(to: .wattHours), number.exponent + exponent >= 3 else { return false }
            isCoarse = true
        }
        return isCoarse
    }
}

/// The registers of one readout without duplicates, followed by those derived from them.
private struct RegisterBook {
    private(set) var registers: [Register] = []
    private var places: [OBISCode: Int] = [:]

    init(_ sent: [Register]) {
        registers.reserveCapacity(sent.count + 8)
        for register in sent {
            var code = register.code
            // Old Q3D meters send 1.7.255, a Hager eHZ361L5R sends 1.7.1.
            if code.a == 1, code.d == 7, code.e == 255 || code.c == 1 && code.e == 1 { code.e = 0 }
            add(code, register.value)
        }
    }

    subscript(_ code: OBISCode) -> RegisterValue? { places[code].map { registers[$0].value } }

    /// Does nothing if the register exists already or the value is `nil`.
    mutating func add(_ code: OBISCode, _ value: RegisterValue?) {
        guard let value, places[code] == nil else { return }
        places[code] = registers.count
        registers.append(Register(code, value))
    }

    mutating func rename(_ old: OBISCode, _ new: OBISCode) {
        guard let place = places.removeValue(forKey: old) else { return }
        registers[place].code = new
        places[new] = place
    }

    /// The first value minus the second; the first alone if there is no second.
    func difference(_ first: OBISCode, _ second: OBISCode) -> RegisterValue? {
        guard case .number(let number, let unit)? = self[first] else { return nil }
        guard case .number(let other, let otherUnit)? = self[second] else { return .number(number, unit) }
        guard unit == otherUnit else { return nil }
        return Quantity.adding(number, other.negated).map { .number($0, unit) }
    }

    /// Dutch meters send only the tariffs; some Hager and EMH meters send only the first tariff.
    func sumOfTariffs(of total: OBISCode) -> RegisterValue? {
        var sum: (number: Quantity, unit: Unit?)?
        for tariff in 1...8 as ClosedRange<UInt8> {
            guard case .number(let number, let unit)? = self[OBISCode(total.c, total.d, tariff)] else { continue }
            guard let so = sum else {
                sum = (number, unit)
                continue
            }
            guard so.unit == unit, let next = Quantity.adding(so.number, number) else { return nil }
            sum = (next, unit)
        }
        return sum.map { .number($0.number, $0.unit) }
    }
}
