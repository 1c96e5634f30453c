import Millpond

/// What brings a terminal from one picture to the next: only the cells that changed are written.
struct DashDiff {
    let isColored: Bool
    private var shown: DashCanvas?

    /// Cells that are the same are written all the same when there are so few that jumping over them takes longer.
    private static let gapMax = 4

    init(isColored: Bool) {
        self.isColored = isColored
    }

    /// Forgets what the terminal shows, so that the next picture is written whole.
    mutating func forget() {
        shown = nil
    }

    /// The bytes for the next picture; empty when nothing changed.
    mutating func update(to canvas: DashCanvas) -> String {
        let old = shown.flatMap { $0.columns == canvas.columns && $0.rows == canvas.rows ? $0 : nil }
        var output = old == nil ? "\u{1b}[0m\u{1b}[2J" : ""
        for row in 0..<canvas.rows {
            let line = Array(canvas.line(row))
            let before = old.map { Array($0.line(row)) } ?? [DashCell](repeating: .blank, count: canvas.columns)
            guard line != before else { continue }
            for run in Self.runs(line, before) { write(line, run, row, to: &output) }
        }
        if !output.isEmpty { output += "\u{1b}[0m" }
        shown = canvas
        return output
    }

    /// The pieces of a line that differ.
    private static func runs(_ line: [DashCell], _ before: [DashCell]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for column in line.indices where line[column] != before[column] {
            if let last = runs.last, column - last.upperBound <= gapMax {
                runs[runs.count - 1] = last.lowerBound..<column + 1
            } else {
                runs.append(column..<column + 1)
            }
        }
        return runs
    }

    private func write(_ line: [DashCell], _ run: Range<Int>, _ row: Int, to output: inout String) {
        var style: DashStyle?
        var isPlaced = false
        var column = run.lowerBound
        // The second half of a wide letter cannot be written alone.
        while column > 0, line[column].text.isEmpty { column -= 1 }
        while column < run.upperBound {
            let cell = line[column]
            if !isPlaced { output += "\u{1b}[\(row + 1);\(column + 1)H" }
            if style != cell.style { output += cell.style.sequence(colored: isColored) }
            output += cell.text
            style = cell.style
            // Terminals disagree on how wide some letters are, so behind one the place is named anew.
            isPlaced =
                cell.text.unicodeScalars.count == 1 && cell.text.utf8.count < 4
                && !(column + 1 < line.count && line[column + 1].text.isEmpty)
            column += 1
            while column < run.upperBound, line[column].text.isEmpty { column += 1 }
        }
    }
}
