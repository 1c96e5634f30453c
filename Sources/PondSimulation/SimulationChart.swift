/// Draws a run: workers that the law asked for and that there were, and how long the oldest job had waited.
public enum SimulationChart {
    /// The picture as SVG, for light and dark pages.
    public static func svg(_ shape: LoadShape, law: String, _ outcome: Simulation.Outcome) -> String {
        let series = outcome.series
        let span = max(shape.duration, 1)
        let granted = series.map { Double($0.granted) }
        let top = max(granted.max() ?? 1, 1)
        let demand = series.map { Double($0.demand) }
        // A demand of hundreds of workers for a moment must not flatten the rest: it leaves the picture at the top.
        let workersMax = ChartAxis.nice(min(max(demand.max() ?? 1, top), 1.5 * top))
        let ages = series.map(\.age)
        let ageMax = ChartAxis.nice(max(ages.max() ?? 0, 1.25 * shape.waitTarget))
        let times = series.map(\.time)
        let upper = ChartPanel(top: 108, height: 190, xMax: span, yMax: workersMax)
        let lower = ChartPanel(top: 344, height: 150, xMax: span, yMax: ageMax)
        var parts = [head(shape, law, outcome.score)]
        parts.append(upper.frame(title: "workers", id: "w"))
        parts.append(upper.area(times, granted, class: "granted-area"))
        parts.append(upper.steps(times, demand, class: "demand", id: "w"))
        parts.append(upper.steps(times, granted, class: "granted", id: "w"))
        parts.append(lower.frame(title: "oldest wait, seconds", id: "a"))
        parts.append(lower.steps(times, ages, class: "age", id: "a"))
        parts.append(lower.line(at: shape.waitTarget, class: "target"))
        parts.append(lower.timeAxis())
        parts.append(legend())
        return parts.joined(separator: "\n") + "\n</svg>\n"
    }

    private static func head(_ shape: LoadShape, _ law: String, _ score: SimulationScore) -> String {
        let late = SimulationTable.decimal(score.lateShare * 100, 1)
        let cost = SimulationTable.decimal(score.cost, 2)
        let flips = SimulationTable.decimal(score.flips, 0)
        let facts =
            "\(late)% late, \(cost) slots paid for a busy one, "
            + "\(flips) \(flips == "1" ? "change" : "changes") of direction"
        let title = "\(escaped(law)) on \(escaped(shape.name))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 540" width="960" height="540" role="img">
            <title>\(title): \(facts)</title>
            <style>
            \(style)
            </style>
            <rect class="paper" width="960" height="540"/>
            <text class="title" x="64" y="28">\(title)</text>
            <text class="facts" x="64" y="48">\(escaped(shape.summary)); \(facts)</text>
            """
    }

    private static let style = """
        text { font: 12px system-ui, sans-serif; fill: #59636e; }
        .title { font-size: 16px; font-weight: 600; fill: #1f2328; }
        .paper { fill: #ffffff; }
        .grid { stroke: #d1d9e0; stroke-width: 1; }
        .granted { fill: none; stroke: #0969da; stroke-width: 2; }
        .granted-area { fill: #0969da; fill-opacity: 0.14; stroke: none; }
        .demand { fill: none; stroke: #bc4c00; stroke-width: 1.2; stroke-dasharray: 3 2; }
        .age { fill: none; stroke: #8250df; stroke-width: 1.6; }
        .target { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 7 4; }
        @media (prefers-color-scheme: dark) {
        text { fill: #9198a1; }
        .title { fill: #f0f6fc; }
        .paper { fill: #0d1117; }
        .grid { stroke: #30363d; }
        .granted { stroke: #58a6ff; }
        .granted-area { fill: #58a6ff; }
        .demand { stroke: #f0883e; }
        .age { stroke: #bc8cff; }
        .target { stroke: #ff7b72; }
        }
        """

    private static func legend() -> String {
        let entries = [
            ("granted", "workers there are"), ("demand", "workers the law asks for"), ("age", "oldest wait"),
            ("target", "wait target"),
        ]
        return entries.enumerated().map { index, entry in
            let x = 64 + index * 200
            return """
                <line class="\(entry.0)" x1="\(x)" y1="66" x2="\(x + 26)" y2="66"/>
                <text x="\(x + 32)" y="70">\(entry.1)</text>
                """
        }.joined(separator: "\n")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}
