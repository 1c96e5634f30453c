import Millpond
import PondCore
import PondQueue

/// Workers that no fleet answers for: those of `pond up`, of `pond supervise --workers`, or started by hand.
struct FixedWorkers {
    /// Those of one queue.
    struct Pool {
        let queue: String
        var workers = 0
        var slots = 0
    }

    let pools: [Pool]
    /// More queues than a person looks at.
    private static let queuesMax = 100

    /// Those that beat now.
    static func find(_ pond: Pond) async throws -> FixedWorkers {
        var pools: [Pool] = []
        for name in try await pond.queues().prefix(queuesMax) {
            let load = try await pond.queue(name.text).load(dueSoon: .zero, later: .zero)
            let slots = load.workers.compactMap(\.load?.slots).reduce(0, +)
            if !load.workers.isEmpty { pools.append(Pool(queue: name.text, workers: load.workers.count, slots: slots)) }
        }
        return FixedWorkers(pools: pools)
    }

    var isEmpty: Bool { pools.isEmpty }

    /// `2 workers of queue default`.
    var words: String {
        let count = pools.reduce(0) { $0 + $1.workers }
        let names = pools.prefix(5).map(\.queue).joined(separator: ", ") + (pools.count > 5 ? ", …" : "")
        return "\(count.of("worker")) of \(pools.count == 1 ? "queue" : "queues") \(names)"
    }

    static let hint =
        "let the load decide with `pond supervise --config FILE`, or with --wait-target; docs/autoscaling.md"

    func text(for terminal: Terminal) -> String {
        var table = Table([.text("QUEUE"), .number("WORKERS"), .number("SLOTS")])
        for pool in pools { table.add([.text(pool.queue, .bold), .count(pool.workers), .count(pool.slots)]) }
        let verdict = "Nothing scales here: the number of workers is fixed (`pond up`, or `pond supervise --workers`)."
        return terminal.tinted(verdict, .green) + "\n\n" + table.text(for: terminal) + "\n\nTo change that: "
            + FixedWorkers.hint
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "Fleet",
            items: [],
            [
                ("fleet", .null),
                (
                    "fixed",
                    .array(
                        pools.map {
                            .object([
                                ("queue", .string($0.queue)), ("workers", .count($0.workers)),
                                ("slots", .count($0.slots)),
                            ])
                        }
                    )
                ),
            ]
        )
    }
}
