/// Whether an output delivers.
package struct OutputState: Sendable, Equatable {
    /// `mqtt`
    package let name: String
    /// Why it delivers nothing, in words; `nil` while it delivers.
    package var problem: String?
    /// When that began.
    package var since: WallTime
}
