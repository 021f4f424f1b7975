import Metering

/// What to read from a meter, how often, and how to reach it.
package struct ReadingPlan: Sendable, Equatable {
    package enum Read: Sendable { case registers, readout, auto }

    package var read: Read
    package var registers: [OBISCode]
    package var every: Duration
    /// Pulses tell when a register steps; it only has to tell which.
    package var isTimedByPulses: Bool
    /// Of the meter, on a line with several, or where it answers to nothing else. Up to 32 letters and digits.
    package var address: String
    /// A meter with a battery sleeps until it sees two seconds of characters.
    package var wakesUp: Bool
    /// Power of a meter that pushes has its sign in the status word.
    package var signsByStatus: Bool
    /// The port is another machine's, which has set its speed for good: 300 Bd, or nothing is heard of a meter that is asked.
    package var hasFixedSpeed = false

    package init(
        read: Read, registers: [OBISCode], every: Duration, isTimedByPulses: Bool = false, address: String = "", wakesUp: Bool = false,
        signsByStatus: Bool = false
    ) {
        self.read = read
        self.registers = registers
        self.every = every
        self.isTimedByPulses = isTimedByPulses
        self.address = address
        self.wakesUp = wakesUp
        self.signsByStatus = signsByStatus
    }
}
