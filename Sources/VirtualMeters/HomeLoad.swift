import Metering

/// The net load of a house (consumption minus solar generation) in time slices.
struct HomeLoad: Sendable {
    static let slice = Duration.seconds(10)
    private static let slicesPerDay: Int64 = 8640

    private var generator: SeededGenerator
    /// The time of day, in slices since midnight.
    private var time: Int64
    private var base: Int64 = 180
    private var cloudPercent: Int64 = 80
    private var fridge = Appliance(watts: 85, on: 60...100, off: 150...240)
    private var kettle = Appliance(watts: 2100, on: 12...20, off: 300...1200)
    private var hob = Appliance(watts: 1700, on: 2...8, off: 1...6)

    init(seed: UInt64, timeOfDay: Duration) {
        generator = SeededGenerator(seed: seed)
        time = timeOfDay.nanoseconds / Self.slice.nanoseconds % Self.slicesPerDay
    }

    mutating func next() -> Int64 {
        defer { time = (time + 1) % Self.slicesPerDay }
        if generator.happens(1 / 6.0) { base = generator.number(in: 140...210) }
        if generator.happens(1 / 30.0) { cloudPercent = generator.number(in: 25...100) }
        var watts = base + fridge.next(&generator)
        if isBetween(6.5, 9) || isBetween(15.5, 22) { watts += kettle.next(&generator) }
        if isBetween(18, 18.75) { watts += hob.next(&generator) }
        if isBetween(17.5, 23) { watts += 320 }
        return watts - solar
    }

    /// The solar generation: a parabola from sunrise to sunset, reduced by clouds.
    private var solar: Int64 {
        let (sunrise, sunset) = (slices(7.5), slices(18.5))
        guard time > sunrise, time < sunset else { return 0 }
        let day = sunset - sunrise
        return 2600 * cloudPercent * 4 * (time - sunrise) * (sunset - time) / (day * day * 100)
    }

    private func isBetween(_ from: Double, _ to: Double) -> Bool { time >= slices(from) && time < slices(to) }

    private func slices(_ hours: Double) -> Int64 { Int64(hours * 360) }
}

/// A load that is switched on and off for a number of slices.
private struct Appliance: Sendable {
    let watts: Int64
    let on: ClosedRange<Int64>
    let off: ClosedRange<Int64>
    var isOn = false
    var left: Int64 = 0

    init(watts: Int64, on: ClosedRange<Int64>, off: ClosedRange<Int64>) {
        self.watts = watts
        self.on = on
        self.off = off
    }

    mutating func next(_ generator: inout SeededGenerator) -> Int64 {
        if left == 0 {
            isOn.toggle()
            left = generator.number(in: isOn ? on : off)
        }
        left -= 1
        return isOn ? watts : 0
    }
}
