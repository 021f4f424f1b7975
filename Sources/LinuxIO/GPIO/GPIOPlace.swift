import CGPIO
import Configuration
import Glibc
import MeterDaemon

/// The location of a GPIO line, found by its name or by chip and offset.
struct GPIOPlace {
    private let place: cgpio_place

    static func find(_ line: Configuration.Pulse.Line) throws(PortError) -> GPIOPlace {
        var place = cgpio_place()
        let isFound =
            switch line {
            case .name(let name): cgpio_find_name(name, &place)
            case .offset(let offset, let chip): cgpio_find_offset(chip, UInt32(clamping: offset), &place)
            }
        guard isFound else { throw .gpio }
        return GPIOPlace(place: place)
    }

    /// The chip's device node.
    var path: String { text(place.path) }
    var offset: UInt32 { place.offset }

    /// For people: `GPIO17 (line 17 of /dev/gpiochip0, pinctrl-bcm2711)`.
    var description: String {
        let name = text(place.name)
        let label = text(place.label)
        return name.isEmpty ? "line \(offset) of \(path) (\(label))" : "\(name) (line \(offset) of \(path), \(label))"
    }

    /// Identifies the chip: device node and label, because another chip may get the same device node.
    var chip: String { "\(path) \(text(place.label))" }

    /// Requests both edges of lines of this chip. Returns a descriptor, or the kernel's error number.
    func take(_ wishes: [cgpio_wish]) -> Result<Int32, SystemError> {
        var place = place
        let descriptor = cgpio_take(&place, wishes, UInt32(wishes.count))
        return descriptor >= 0 ? .success(descriptor) : .failure(SystemError(description, errno))
    }

    func words(for failure: SystemError) -> PortError {
        var place = place
        cgpio_complain(&place, failure.code)
        return .gpio
    }

    private func text<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension PortError {
    fileprivate static var gpio: PortError { PortError(String(cString: cgpio_problem())) }
}
