import Metering

/// A change of an input line, with the kernel's time stamp.
package struct Edge: Sendable, Hashable {
    package enum Direction: Sendable, Hashable { case rising, falling }
    package var direction: Direction
    package var at: Instant

    package init(_ direction: Direction, at: Instant) {
        self.direction = direction
        self.at = at
    }
}
