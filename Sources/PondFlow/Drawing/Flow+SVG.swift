import PondCore

extension Flow {
    /// The flow as a picture: boxes from top to bottom, lines from what comes before to what comes after.
    ///
    /// Nil when it has more steps or lines than anybody could read.
    package var drawnAsSVG: String? {
        guard steps.count <= Limits.flowDrawnMax else { return nil }
        let captions = steps.map { FlowCaption($0) }
        let order = FlowOrder(steps.map(\.after))
        guard let layout = FlowLayout(order, sizes: captions.map(SVG.size)) else { return nil }
        var svg = SVG(width: layout.width, height: layout.height, title: "\(kind)", about: about)
        for line in layout.lines { svg.add(line: line.map { layout.spots[$0] }) }
        for spot in layout.spots {
            if let step = spot.step { svg.add(captions[step], at: spot) }
        }
        return svg.text
    }
}

/// A picture as it is written, element by element.
private struct SVG {
    private static let lineHeight = 17.0
    private static let padding = 12.0
    private static let charactersMax = 38
    private var elements: [String] = []
    private let width: Double
    private let height: Double
    private let title: String
    private let about: String

    init(width: Double, height: Double, title: String, about: String) {
        (self.width, self.height, self.title, self.about) = (width, height, title, about)
    }

    /// What a caption's box needs; letters are counted, because no font can be asked here.
    static func size(_ caption: FlowCaption) -> (width: Double, height: Double) {
        let longest = caption.lines.map { min($0.count, charactersMax) }.max() ?? 0
        let lines = Double(caption.lines.count)
        return (max(120, Double(longest) * 7.4 + 2 * padding), lines * lineHeight + 2 * padding - 4)
    }

    mutating func add(line spots: [FlowLayout.Spot]) {
        guard let first = spots.first, let last = spots.last else { return }
        var (x, y) = (first.x, first.top + first.height)
        var path = "M\(number(x)) \(number(y))"
        for spot in spots.dropFirst().dropLast() {
            curve(to: spot.x, spot.top, &x, &y, &path)
            y = spot.top + spot.height
            path += "V\(number(y))"
        }
        // The arrow's head takes the last bit of the way.
        curve(to: last.x, last.top - 7, &x, &y, &path)
        elements.append("<path class=\"line\" d=\"\(path)\" marker-end=\"url(#head)\"/>")
    }

    private func curve(to nextX: Double, _ nextY: Double, _ x: inout Double, _ y: inout Double, _ path: inout String) {
        let middle = (y + nextY) / 2
        path += "C\(number(x)) \(number(middle)) \(number(nextX)) \(number(middle)) \(number(nextX)) \(number(nextY))"
        (x, y) = (nextX, nextY)
    }

    mutating func add(_ caption: FlowCaption, at spot: FlowLayout.Spot) {
        let left = spot.x - spot.width / 2
        let style = (caption.shape == .wait ? "wait" : "job") + (caption.when == nil ? "" : " maybe")
        let radius = caption.shape == .wait ? 18 : 5
        if caption.shape == .jobs { elements.append(box(left + 5, spot.top + 5, spot, radius, style)) }
        elements.append(box(left, spot.top, spot, radius, style))
        for (place, line) in caption.lines.enumerated() {
            let y = spot.top + Self.padding + Double(place) * Self.lineHeight + 9
            let kind = place == 0 ? "name" : line == caption.undo ? "undo" : "text"
            let shown = line.count > Self.charactersMax ? line.prefix(Self.charactersMax - 1) + "…" : line[...]
            elements.append(
                "<text class=\"\(kind)\" x=\"\(number(spot.x))\" y=\"\(number(y))\">\(Self.escaped(shown))</text>"
            )
        }
    }

    private func box(_ x: Double, _ y: Double, _ spot: FlowLayout.Spot, _ radius: Int, _ style: String) -> String {
        "<rect class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(spot.width))\" "
            + "height=\"\(number(spot.height))\" rx=\"\(radius)\"/>"
    }

    var text: String {
        let size =
            "width=\"\(number(width))\" height=\"\(number(height))\" viewBox=\"0 0 \(number(width)) \(number(height))\""
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg" \(size) role="img">
            <title>\(Self.escaped(title[...]))</title>
            <desc>\(Self.escaped(about[...]))</desc>
            <defs><marker id="head" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="8" markerHeight="8" \
            markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6472"/></marker></defs>
            <style>
            text { font: 12px "DejaVu Sans", Verdana, sans-serif; text-anchor: middle; fill: #39404c }
            .name { font-weight: bold; fill: #14181f }
            .undo { fill: #a33327 }
            .line { fill: none; stroke: #5b6472; stroke-width: 1.4 }
            .job { fill: #eaf2fb; stroke: #2f6db3; stroke-width: 1.4 }
            .wait { fill: #fdf5dc; stroke: #b08a1e; stroke-width: 1.4 }
            .maybe { stroke-dasharray: 5 3 }
            </style>
            <rect width="100%" height="100%" fill="#ffffff"/>
            """
        return ([head] + elements + ["</svg>", ""]).joined(separator: "\n")
    }

    /// One digit behind the point is finer than any screen.
    private func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths.isMultiple(of: 10)
            ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    private static func escaped(_ text: Substring) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            // XML has no place for these, in whatever form.
            case "\u{0}"..<" ", "\u{7f}"..."\u{9f}", "\u{fffe}", "\u{ffff}": escaped += " "
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
