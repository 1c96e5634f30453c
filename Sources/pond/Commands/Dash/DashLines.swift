import Millpond
import PondCore
import PondInsight
import PondScaling

/// The dashboard off a terminal: a line a queue, or a document a look.
struct DashLines {
    private var model = DashModel()
    /// Made of the first look, whose rates cannot be known yet.
    private(set) var hasRates = false

    /// Takes note of a look.
    mutating func take(_ look: DashLook, at now: LocalInstant) {
        hasRates = model.look != nil
        model.take(look, at: now)
    }

    /// One line a queue, words that programs can split; the verdict when there is no queue.
    var lines: [String] {
        guard let look = model.look else { return [] }
        guard !look.queues.isEmpty else { return [SafeText.escaped(look.verdict)] }
        let time = String(look.at.iso8601.dropFirst(11).prefix(8))
        return model.queues.map { "\(time) \(SafeText.escaped($0.name)) \(words(of: $0).joined(separator: " "))" }
    }

    /// The rates since the look before; nil when there was none.
    private func rates(of queue: QueueSample) -> QueuePoint? {
        let points = model.history(of: queue.name).points
        return points.count > 1 ? points.last : nil
    }

    private func words(of queue: QueueSample) -> [String] {
        if let fault = queue.fault { return ["fault: \(SafeText.escaped(fault))"] }
        let rates = rates(of: queue)
        var words = [
            "ready=\(queue.ready)", "in_flight=\(queue.inFlight)", "held=\(queue.held)", "dead=\(queue.dead)",
            "oldest=\(queue.ready > 0 ? queue.oldest.human : "-")", "target=\(queue.target?.human ?? "-")",
            "in=\(DashText.rate(rates?.arriving))/s", "out=\(DashText.rate(rates?.leaving))/s",
            "workers=\(queue.workers.count)",
        ]
        if let decision = queue.decision {
            words += ["should=\(decision.to)", "demand=\(decision.demand)", "limit=\(decision.limit.rawValue)"]
        }
        if queue.isPaused { words.append("paused") }
        if queue.brake != nil { words.append("stopped_fetching") }
        if queue.isLate { words.append("late") }
        return words
    }

    /// The look for programs.
    var document: JSONDocument {
        let look = model.look
        return JSONDocument(
            kind: "Dash",
            items: model.queues.map { item($0) },
            [
                ("at", .time(look?.at)), ("health", .text(look?.state)), ("verdict", .text(look?.verdict)),
                ("fleet", .text(look?.fleet?.name)),
                ("hosts", .count(look?.fleet?.hosts.count ?? 0)),
                ("decisions", .array((look?.fleet?.decisions ?? []).prefix(20).map { DecisionView($0).json })),
            ]
        )
    }

    private func item(_ queue: QueueSample) -> JSONValue {
        let rates = rates(of: queue)
        return .object([
            ("queue", .string(queue.name)), ("ready", .count(queue.ready)), ("in_flight", .count(queue.inFlight)),
            ("held", .count(queue.held)), ("dead", .count(queue.dead)), ("oldest_ready", .seconds(queue.oldest)),
            ("wait_target", .seconds(queue.target)), ("late", .bool(queue.isLate)),
            ("arrivals_per_second", rates.map { .double($0.arriving) } ?? .null),
            ("done_per_second", rates.map { .double($0.leaving) } ?? .null),
            ("done", .count(queue.done)), ("workers", .count(queue.workers.count)),
            ("workers_wanted", queue.decision.map { .count($0.to) } ?? .null),
            ("demand", queue.decision.map { .count($0.demand) } ?? .null),
            ("limiting_factor", .text(queue.decision?.limit.rawValue)), ("paused", .bool(queue.isPaused)),
            ("fault", .text(queue.fault)), ("brake", .text(queue.brake)),
        ])
    }
}
