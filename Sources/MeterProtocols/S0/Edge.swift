import Metering

/// A change of an input line, with the kernel's time stamp.
package struct Edge: Sendable, Hashable {
    package enum Direction: Sendable, Hashable { case rising, falling }
    package var direction: Direction
    package var at: Instant
    /// 1, 2, 3… since the line was taken, also for edges that were lost; 0 where the kernel does not number them.
    package var number: UInt64

    package init(_ direction: Direction, at: Instant, number: UInt64 = 0) {
        self.direction = direction
        self.at = at
        self.number = number
    }
}
