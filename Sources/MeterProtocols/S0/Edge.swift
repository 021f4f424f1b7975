import Metering

/// A level change on an input line, with the kernel's time stamp.
///
/// Can be inlined into other modules, like everything that runs at each edge.
@usableFromInline
package struct Edge: Sendable, Hashable {
    @usableFromInline
    package enum Direction: Sendable, Hashable { case rising, falling }
    @usableFromInline package var direction: Direction
    @usableFromInline package var at: Instant
    /// 1, 2, 3… since the line was requested, including edges that were lost; 0 if the kernel does not number this line's edges.
    @usableFromInline package var number: UInt64

    @inlinable package init(_ direction: Direction, at: Instant, number: UInt64 = 0) {
        self.direction = direction
        self.at = at
        self.number = number
    }
}
