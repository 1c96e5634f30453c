import Millpond
import PondCore
import PondInsight

extension DashFrame {
    /// Every worker of every queue that is shown.
    mutating func drawWorkers() {
        let workers = model.workers
        drawWorkerTable(body.lowerBound, workers, rows: body.count - 1, cursor: model.row, withQueue: true)
        if workers.isEmpty { canvas.put("no worker is alive", body.lowerBound + 1, 3, .dim) }
    }

    /// The workers of one queue, from a row on.
    mutating func drawWorkerTable(_ row: Int, of queue: QueueSample, rows: Int) {
        let workers = queue.workers.sorted { ($0.slot ?? .max, $0.name) < ($1.slot ?? .max, $1.name) }
        drawWorkerTable(row, workers.map { (queue.name, $0) }, rows: rows, cursor: nil, withQueue: false)
    }

    private mutating func drawWorkerTable(
        _ top: Int,
        _ workers: [(queue: String, worker: QueueSample.Worker)],
        rows: Int,
        cursor: Int?,
        withQueue: Bool
    ) {
        guard rows > 0, body.contains(top) else { return }
        let slots = min(20, workers.compactMap(\.worker.slots).max() ?? 4)
        // WORKER, QUEUE, SLOT, PID, ENDED, BEAT, RUNNING: the first two share what is left.
        let numbers = 5 + 8 + 8 + 7 + 3 + 6 + slots
        let names = max(12, columns - numbers - 3)
        let queueWidth = withQueue ? min(24, names / 3) : 0
        let nameWidth = min(names - queueWidth - (withQueue ? 1 : 0), 44)
        let queueColumn = 3 + nameWidth + 1
        let first = queueColumn + queueWidth
        canvas.put("WORKER", top, 3, .dim)
        if withQueue { canvas.put("QUEUE", top, queueColumn, .dim, width: queueWidth) }
        for (title, end, width) in [("SLOT", 5, 5), ("PID", 13, 8), ("ENDED", 21, 8), ("BEAT", 28, 7)] {
            canvas.putRight(title, top, before: first + end, width: width, .dim)
        }
        canvas.put("RUNNING", top, first + 31, .dim)
        let start = max(0, min((cursor ?? 0) - rows / 2, workers.count - rows))
        for (offset, entry) in workers.dropFirst(start).prefix(rows).enumerated() {
            let row = top + 1 + offset
            guard body.contains(row) else { return }
            canvas.put(entry.worker.name, row, 3, .bold, width: nameWidth)
            if withQueue { canvas.put(entry.queue, row, queueColumn, width: queueWidth) }
            draw(entry.worker, row, first, slots: slots)
            if cursor.map({ min($0, workers.count - 1) }) == start + offset {
                canvas.put("▸", row, 1, .bold)
                canvas.restyle(row, from: 2, to: 3 + nameWidth) { $0.isReverse = true }
            }
        }
    }

    private mutating func draw(_ worker: QueueSample.Worker, _ row: Int, _ first: Int, slots: Int) {
        func text(_ number: (some BinaryInteger)?) -> String { number.map { "\($0)" } ?? "-" }
        canvas.putRight(text(worker.slot), row, before: first + 5, width: 5)
        canvas.putRight(text(worker.pid), row, before: first + 13, width: 8, .dim)
        canvas.putRight(worker.ended.map { DashText.count($0) } ?? "-", row, before: first + 21, width: 8)
        canvas.putRight(worker.sinceBeat.human, row, before: first + 28, width: 7, .dim)
        if let brake = worker.brake {
            canvas.put("stopped fetching: \(brake)", row, first + 31, .red, width: slots + 6)
            return
        }
        guard let running = worker.running, let all = worker.slots, all > 0 else {
            canvas.put("-", row, first + 31)
            return
        }
        let width = min(slots, all)
        let full = min(width, (running * width + all - 1) / all)
        let (on, off) = setting.isASCII ? ("#", ".") : ("■", "□")
        var column = canvas.put(String(repeating: on, count: max(0, full)), row, first + 31, .green)
        column = canvas.put(String(repeating: off, count: max(0, width - full)), row, column, .dim)
        canvas.put(" \(running)/\(all)", row, first + 31 + slots, running >= all ? .yellow : .plain)
    }
}
