import Glibc
import GRDB
import PondCore

/// How long the tries of a kind ran that ended well.
package struct HistoryRunTimes: Sendable, Hashable {
    /// How many there were.
    package var count: Int
    /// Half of them ran no longer, within 5 %.
    package var p50: Duration
    /// 95 % of them ran no longer, within 5 %.
    package var p95: Duration
    /// 99 % of them ran no longer, within 5 %.
    package var p99: Duration
}

/// A logarithmic scale: eight steps for each doubling, so that the middle of a step is within 5 % of all in it.
enum HistoryRunScale {
    static func step(of milliseconds: Int64) -> Int {
        milliseconds < 1 ? 0 : 1 + Int(log2(Double(milliseconds)) * 8)
    }

    /// The middle of a step.
    static func milliseconds(of step: Int) -> Int64 {
        guard step > 0 else { return 0 }
        let middle = exp2((Double(step - 1) + 0.5) / 8)
        return Int64(min(middle, 9e15).rounded())
    }
}

extension HistoryStore {
    /// How long the tries of a kind ran that ended well, in the last days.
    ///
    /// - Parameters:
    ///   - queue: of this queue alone; nil for all.
    ///   - days: how many days, today included. Defaults to 8.
    /// - Returns: nil when none was seen.
    package func runTimes(of kind: String, in queue: String? = nil, days: Int = 8) async throws -> HistoryRunTimes? {
        let first = wallClock().milliseconds / 86_400_000 - Int64(max(1, days)) + 1
        let steps = try await store.read { db in
            let condition = queue == nil ? "" : "AND queue = (SELECT id FROM pond_history_names WHERE name = ?)"
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT step, sum(count) AS count FROM pond_history_runs
                    WHERE kind = (SELECT id FROM pond_history_names WHERE name = ?) \(condition) AND day >= ?
                    GROUP BY step ORDER BY step
                    """,
                arguments: StatementArguments([kind] + (queue.map { [$0] } ?? [])) + [first]
            ).map { (step: $0["step"] as Int, count: $0["count"] as Int) }
        }
        let count = steps.reduce(0) { $0 + $1.count }
        guard count > 0 else { return nil }
        func quantile(_ part: Double) -> Duration {
            var rest = Int((Double(count) * part).rounded(.up))
            for (step, count) in steps {
                rest -= count
                if rest <= 0 { return .milliseconds(HistoryRunScale.milliseconds(of: step)) }
            }
            return .zero
        }
        return HistoryRunTimes(count: count, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99))
    }
}
