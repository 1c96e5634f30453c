import Millpond
import PondCore
import PondInsight
import PondQueue
import PondTelemetry

/// A report of service levels, set for people and for programs.
struct SLOView {
    let report: SLOReport

    func text(for terminal: Terminal) -> String {
        guard !report.rows.isEmpty else {
            return "No job of any class has ended in the last 30 days, and none is late."
        }
        return [promises(for: terminal), late(for: terminal), times(for: terminal)]
            .compactMap { $0 }.joined(separator: "\n\n")
    }

    /// One line that names what was missed.
    var misses: String {
        let names = report.missed.map { row in
            "\(row.queue) \(row.jobClass.rawValue) (\(row.missed.map(\.rawValue).joined(separator: ", ")))"
        }
        return "missed in the last \(report.window.human): \(names.joined(separator: "; "))"
    }

    private func promises(for terminal: Terminal) -> String {
        var table = Table([
            .flexible("QUEUE"), .text("CLASS"), .text("PROMISE"), .number("WITHIN"), .number("OBJECTIVE"),
            .number("KEPT \(report.window.short)"), .number("JOBS"), .number("BAD"), .number("BUDGET LEFT"),
            .number("BURN 1H"), .number("5M"), .text("AT THIS RATE"),
        ])
        for row in report.rows {
            for promise in SLOPromise.allCases {
                let kept = row.attainment(promise)
                let left = row.budget(promise).budgetLeft
                table.add([
                    .text(row.queue.text), .text(row.jobClass.rawValue), .text(promise.rawValue),
                    .text(row.target.time(promise).map(\.short) ?? "-"), .text(kept.objective.percent),
                    .text(kept.part?.percent ?? "-", kept.isKept ? nil : .red), .count(kept.jobs), .count(kept.bad),
                    .text(left?.percent ?? "-", (left ?? 1) < 0 ? .red : nil),
                    .text(row.lastHour(promise).burnRate?.rate ?? "-"),
                    .text(row.lastMinutes(promise).burnRate?.rate ?? "-"),
                    .text(forecast(row, promise)),
                ])
            }
        }
        return table.text(for: terminal)
    }

    private func forecast(_ row: SLOReport.Row, _ promise: SLOPromise) -> String {
        guard let end = row.budgetEnd(promise) else { return "-" }
        return end == .zero ? "gone" : "gone in \(end.human)"
    }

    private func late(for terminal: Terminal) -> String? {
        let lines = report.rows.filter { $0.late.about > 0 }.map { row in
            let number =
                row.late.isExact
                ? row.late.least.grouped : "≥ \(row.late.least.grouped) (about \(row.late.about.grouped))"
            return "\(row.queue) \(row.jobClass.rawValue): \(number) late and still waiting, counted as bad"
        }
        guard !lines.isEmpty else { return nil }
        return lines.map { terminal.tinted($0, .yellow) }.joined(separator: "\n")
    }

    private func times(for terminal: Terminal) -> String? {
        var table = Table([
            .flexible("QUEUE"), .text("CLASS"), .text("TIME"), .number("MEASURED"), .number("P50"), .number("P95"),
            .number("P99"),
        ])
        for row in report.rows {
            for metric in SLOMetric.allCases {
                guard let histogram = row.durations[metric], !histogram.isEmpty else { continue }
                let shown = SLOView.quantiles.map { Table.Cell.text(histogram.quantile($0.part)?.human ?? "-") }
                table.add(
                    [
                        .text(row.queue.text), .text(row.jobClass.rawValue), .text(metric.title),
                        .count(histogram.total),
                    ] + shown
                )
            }
        }
        return table.isEmpty ? nil : table.text(for: terminal)
    }

    private static let quantiles: [(name: String, part: Double)] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]

    var document: JSONDocument {
        JSONDocument(
            kind: "ServiceLevels",
            items: report.rows.map(json),
            [("at", .time(report.now)), ("window", .seconds(report.window)), ("met", .bool(report.missed.isEmpty))]
        )
    }

    private func json(_ row: SLOReport.Row) -> JSONValue {
        let promises = SLOPromise.allCases.map { promise in
            let kept = row.attainment(promise)
            return JSONValue.object([
                ("promise", .string(promise.rawValue)), ("within", .seconds(row.target.time(promise))),
                ("objective", .double(kept.objective)), ("kept", kept.part.map { .double($0) } ?? .null),
                ("met", .bool(kept.isKept)), ("jobs", .count(kept.jobs)), ("bad", .count(kept.bad)),
                ("budget_left", row.budget(promise).budgetLeft.map { .double($0) } ?? .null),
                ("burn_1h", row.lastHour(promise).burnRate.map { .double($0) } ?? .null),
                ("burn_5m", row.lastMinutes(promise).burnRate.map { .double($0) } ?? .null),
                ("budget_gone_in", .seconds(row.budgetEnd(promise))),
            ])
        }
        let times = SLOMetric.allCases.compactMap { metric -> (String, JSONValue)? in
            guard let histogram = row.durations[metric], !histogram.isEmpty else { return nil }
            let quantiles = SLOView.quantiles.map { ($0.name, JSONValue.seconds(histogram.quantile($0.part))) }
            return (metric.name, .object([("measured", .count(histogram.total))] + quantiles))
        }
        return .object([
            ("queue", .string(row.queue.text)), ("class", .string(row.jobClass.rawValue)),
            ("promises", .array(promises)),
            (
                "late",
                .object([
                    ("least", .count(row.late.least)), ("about", .count(row.late.about)),
                    ("exact", .bool(row.late.isExact)),
                ])
            ),
            ("times", .object(times)),
        ])
    }
}

/// What a class is promised, said back.
struct SLOTargetView {
    let queue: QueueName
    let jobClass: JobClass
    let promises: SLOPromises

    private var target: ClassTarget { promises.target(of: jobClass) }

    var sentence: String {
        "\(queue) \(jobClass.rawValue): \(target.objective.percent) begin within \(target.wait.short) and end within "
            + "\(target.total.short), \(target.success.percent) end well; jobs without a class are "
            + "\(promises.jobClass.rawValue)"
    }

    var document: JSONDocument {
        JSONDocument(
            kind: "ClassTarget",
            [
                ("queue", .string(queue.text)), ("class", .string(jobClass.rawValue)), ("wait", .seconds(target.wait)),
                ("total", .seconds(target.total)), ("objective", .double(target.objective)),
                ("success", .double(target.success)), ("default_class", .string(promises.jobClass.rawValue)),
            ]
        )
    }
}

extension ClassTarget {
    /// The time that a promise is about; nil for success.
    fileprivate func time(_ promise: SLOPromise) -> Duration? {
        switch promise {
        case .wait: wait
        case .total: total
        case .success: nil
        }
    }
}

extension SLOMetric {
    /// What people call it.
    fileprivate var title: String { self == .failedRun ? "failed run" : rawValue }
    /// What programs call it.
    fileprivate var name: String { self == .failedRun ? "failed_run" : rawValue }
}

extension Duration {
    /// The duration without parts that are nothing: `24h`, `5m`, `1m30s`.
    fileprivate var short: String {
        let milliseconds = wholeMilliseconds
        for (unit, size) in [("d", 86_400_000 as Int64), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        where milliseconds >= size && milliseconds.isMultiple(of: size) && (unit != "d" || milliseconds > size) {
            return "\(milliseconds / size)\(unit)"
        }
        return human
    }
}

extension Double {
    /// A part of 1 in percent, rounded down to two decimals so that 100 % is all: `99.31%`.
    fileprivate var percent: String {
        let hundredths = Int((self * 10_000 + 1e-6).rounded(.down))
        let (whole, rest) = (abs(hundredths) / 100, abs(hundredths) % 100)
        let sign = hundredths < 0 ? "-" : ""
        if rest == 0 { return "\(sign)\(whole)%" }
        return "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest.isMultiple(of: 10) ? rest / 10 : rest)%"
    }

    /// How many times as fast as allowed: `0.4`, `14`.
    fileprivate var rate: String {
        guard isFinite else { return "∞" }
        return self < 10 ? "\((self * 10).rounded() / 10)" : "\(Int(min(rounded(), 1e9)))"
    }
}
