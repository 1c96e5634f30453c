/// Values as a row of blocks, or as several rows.
enum DashChart {
    private static let blocks = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let marks = ["_", ".", ":", "-", "=", "+", "*", "#"]

    /// One row: nothing where there is no value, a flat line for zero, and eight heights up to the largest.
    static func spark(_ values: [Double?], most: Double, isASCII: Bool) -> String {
        let levels = isASCII ? marks : blocks
        return values.map { value in
            guard let value, value.isFinite else { return " " }
            guard value > 0, most > 0 else { return levels[0] }
            let level = (min(value / most, 1) * Double(levels.count - 1)).rounded(.up)
            return levels[min(max(Int(level), 1), levels.count - 1)]
        }.joined()
    }

    /// Rows of a chart from top to bottom, one string a row, a letter a column.
    static func rows(_ values: [Double?], most: Double, height: Int, isASCII: Bool) -> [String] {
        let filled = values.map { eighths($0, most: most, height: height) }
        return (0..<max(0, height)).map { row in
            let below = (height - 1 - row) * 8
            return filled.map { letter($0.map { $0 - below }, isLowest: below == 0, isASCII: isASCII) }.joined()
        }
    }

    private static func eighths(_ value: Double?, most: Double, height: Int) -> Int? {
        guard let value, value.isFinite else { return nil }
        guard value > 0, most > 0 else { return 0 }
        return max(1, Int((min(value / most, 1) * Double(height * 8)).rounded()))
    }

    private static func letter(_ eighths: Int?, isLowest: Bool, isASCII: Bool) -> String {
        guard let eighths else { return " " }
        if eighths <= 0 { return isLowest ? (isASCII ? "_" : "▁") : " " }
        if isASCII { return eighths >= 8 ? "#" : eighths >= 4 ? "+" : "." }
        return blocks[min(eighths, 8) - 1]
    }

    /// The row, from the top, that a value is in.
    static func row(of value: Double, most: Double, height: Int) -> Int? {
        guard most > 0, value >= 0, value <= most, height > 0 else { return nil }
        return height - 1 - min(height - 1, Int(value / most * Double(height)))
    }
}
