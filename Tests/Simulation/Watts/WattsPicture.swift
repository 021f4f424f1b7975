/// The true load and the published watts as an SVG: true in grey, windows in orange, ours in blue with its error around it.
struct WattsPicture {
    private static let (width, height, margin) = (960.0, 220.0, 46.0)

    private var panels: [String] = []

    /// Adds both methods' results for the same load; times are in seconds from `from`.
    mutating func add(_ title: String, windows: PublishedWatts, ours: PublishedWatts, from: Double) {
        let load = ours.load
        let powers = load.pieces.filter { $0.begins >= from }.map(\.watts) + ours.values.filter { $0.at >= from }.map(\.watts)
        let (least, most) = (min(powers.min() ?? 0, 0) - 200, (powers.max() ?? 0) + 300)
        let top = Double(panels.count) * (Self.height + 2 * Self.margin) + Self.margin
        func x(_ time: Double) -> String { (Self.margin + (max(time, from) - from) / (load.ends - from) * Self.width).tenths }
        func y(_ watts: Double) -> String {
            (top + Self.height - (min(max(watts, least), most) - least) / (most - least) * Self.height).tenths
        }
        /// The path of values that are each held until the next one.
        func held(_ values: [(at: Double, watts: Double)]) -> String {
            var path = ""
            for (index, value) in values.enumerated() {
                let end = index + 1 < values.count ? values[index + 1].at : load.ends
                guard end > from else { continue }
                path += "\(path.isEmpty ? "M" : "L")\(x(value.at)) \(y(value.watts)) L\(x(end)) \(y(value.watts)) "
            }
            return path
        }
        func line(_ values: [(at: Double, watts: Double)], _ colour: String, _ width: Double) -> String {
            "<path d=\"\(held(values))\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(width)\"/>\n"
        }
        var panel = "<text x=\"\(Self.margin)\" y=\"\((top - 10).tenths)\">\(title)</text>\n"
        var tick = (least / 500).rounded(.up) * 500
        while tick <= most {
            panel += "<path d=\"M\(Self.margin) \(y(tick)) h\(Self.width)\" stroke=\"#ddd\"/>"
            panel += "<text x=\"2\" y=\"\(y(tick))\">\(Int(tick)) W</text>\n"
            tick += 500
        }
        for (index, value) in ours.values.enumerated() {
            let end = index + 1 < ours.values.count ? ours.values[index + 1].at : load.ends
            guard let error = value.error, end > from else { continue }
            let box = "M\(x(value.at)) \(y(value.watts - error)) L\(x(end)) \(y(value.watts - error))"
            panel += "<path d=\"\(box) L\(x(end)) \(y(value.watts + error)) L\(x(value.at)) \(y(value.watts + error)) Z\" fill=\"#cde\"/>\n"
        }
        panel += line(load.pieces.map { ($0.begins, $0.watts) }, "#888", 2.5)
        panel += line(windows.values.map { ($0.at, $0.watts) }, "#e80", 1.2)
        panel += line(ours.values.map { ($0.at, $0.watts) }, "#06c", 1.2)
        panels.append(panel)
    }

    var svg: String {
        let (width, height) = (Self.width + 2 * Self.margin, Double(panels.count) * (Self.height + 2 * Self.margin))
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" font-family=\"sans-serif\" font-size=\"12\">\n"
            + "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" + panels.joined() + "</svg>\n"
    }
}

extension Double {
    fileprivate var tenths: String { String((self * 10).rounded() / 10) }
}
