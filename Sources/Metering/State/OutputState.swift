/// Whether an output delivers its messages.
package struct OutputState: Sendable, Equatable {
    /// The name of the output, e.g. `mqtt`.
    package let name: String
    /// Why the output delivers nothing, in words; `nil` while it delivers.
    package var problem: String?
    /// When the output began, or ceased, to deliver.
    package var since: WallTime
}
