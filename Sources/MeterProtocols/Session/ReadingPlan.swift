import Metering

/// What to read from a meter, how often, and how to reach it.
package struct ReadingPlan: Sendable, Equatable {
    package enum Read: Sendable { case registers, readout, auto }

    package var read: Read
    package var registers: [OBISCode]
    package var every: Duration
    /// Pulses show when a register changes, so reading the registers only has to show which one did.
    package var isTimedByPulses: Bool
    /// The meter's address, for a meter that shares the line or answers only to its address. Up to 32 letters and digits.
    package var address: String
    /// The meter has a battery and sleeps until it receives characters for two seconds.
    package var wakesUp: Bool
    /// The sign of the power is in the status word. Only used for a meter that pushes.
    package var signsByStatus: Bool
    /// The port belongs to another machine, where its speed is fixed. A meter that has to be asked can then only be read at 300 Bd.
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
