import FoundationEssentials
import Millpond
import PondSimulation

/// Draws one run into a file.
enum ScaleSimulateDrawing {
    /// - Throws: `CommandFailure` when the file cannot be written.
    static func draw(_ shape: LoadShape, law: String, spawnSeconds: Double, into path: String) throws(CommandFailure) {
        guard let law = LawCatalog.law(law, for: shape) else { return }
        let outcome = Simulation.run(shape, law, seed: 1, spawnSeconds: spawnSeconds)
        let svg = SimulationChart.svg(shape, law: law.name, outcome)
        do {
            try Data(svg.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw CommandFailure(.failure, "\(SafeText.escaped(path)) cannot be written: \(error)")
        }
    }
}

extension SimulationTable {
    /// The rows for people.
    var table: Table {
        var table = Table(
            SimulationTable.headings.enumerated().map { $0 < 2 ? Table.Column.text($1) : .number($1) }
        )
        for row in rows { table.add(SimulationTable.cells(row).map { Table.Cell.text($0) }) }
        return table
    }

    /// The rows for programs.
    var document: JSONDocument {
        JSONDocument(
            kind: "ScaleSimulation",
            items: rows.map(\.json),
            [("seeds", .count(seeds)), ("spawn_seconds", .double(spawnSeconds))]
        )
    }
}

extension SimulationTable.Row {
    fileprivate var json: JSONValue {
        .object([
            ("shape", .string(shape)), ("law", .string(law)), ("late_share", .double(score.lateShare)),
            ("p95_wait_seconds", .double(score.p95Wait)), ("oldest_wait_seconds", .double(score.maxAge)),
            ("worker_seconds", .double(score.workerSeconds)), ("busy_seconds", .double(score.busySeconds)),
            ("cost", .double(score.cost)), ("flips", .double(score.flips)), ("actions", .double(score.actions)),
            ("busy_drained", .double(score.busyDrained)), ("workers_peak", .double(score.peak)),
            ("jobs_left", .double(score.left)),
        ])
    }
}
