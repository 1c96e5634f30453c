import PondCore
import PondQueue
import PondSQLite

extension WhyReport {
    /// Judges the snapshot and says what else is known.
    package init(_ snapshot: JobSnapshot) {
        let diagnosis = Diagnosis.of(snapshot)
        let report = snapshot.situation.report
        self.init(
            queue: snapshot.queue,
            id: report.id,
            kind: snapshot.kind,
            reason: diagnosis.reason,
            since: diagnosis.since ?? report.since ?? snapshot.heldSince,
            detail: diagnosis.detail,
            next: diagnosis.next,
            actions: diagnosis.actions,
            facts: snapshot.facts,
            unseen: snapshot.unseen,
            now: snapshot.situation.now
        )
    }
}

extension JobSnapshot {
    /// When a held job was put there, where the history has seen that.
    fileprivate var heldSince: ServerTime? {
        guard situation.report.state == .held else { return nil }
        return jobHistory?.events.last { $0.due != nil }?.time
    }

    fileprivate var facts: [WhyReport.Fact] {
        let report = situation.report
        var facts: [WhyReport.Fact] = []
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { facts.append(WhyReport.Fact(name, value)) }
        }
        add("class", report.field(WireField.jobClass.rawValue))
        add("enqueued", (time(.enqueuedAt) ?? idTime)?.iso8601)
        add("correlation", report.field(WireField.correlationID.rawValue) ?? jobHistory?.job.correlationID)
        add("caused by", report.field(WireField.causationID.rawValue) ?? jobHistory?.job.causationID)
        add("child of", report.field(WireField.parent.rawValue).map { "\(queue)/\($0)\(parentStep)" })
        if report.attempts > 0 { add("failed tries", "\(report.attempts)") }
        if let recoveries = number(.recoveries), recoveries > 0 { add("recoveries", "\(recoveries) (its worker died)") }
        if report.state != .dead { add("last error", report.field(WireField.lastError.rawValue)) }
        add("group", situation.group.map { "E-\($0)" })
        add("key", report.field(WireField.key.rawValue))
        add("expires", time(.expires)?.iso8601)
        add("trace", report.field(WireField.traceparent.rawValue))
        add("saga", sagaFact)
        add("steps", stepsFact)
        add("story", timeline)
        return facts
    }

    /// `, step pages`, of a job that a saga started and waits for.
    private var parentStep: String {
        situation.report.field(WireField.parentStep.rawValue).map { ", step \(firstLine(of: $0))" } ?? ""
    }

    /// The time in the job's id; nil for an id that somebody made up.
    private var idTime: ServerTime? {
        let number = situation.report.id.text.split(separator: "-").first.flatMap { Int64($0) }
        guard let time = number.map({ ServerTime(milliseconds: $0) }), time >= Limits.earliestTime else { return nil }
        return time
    }

    private static let eventsShown = 8

    /// The last events in a line: `enqueued 12:00:03 ─ retried 12:00:05 (w-17) ─ …`.
    private var timeline: String? {
        guard let jobHistory, !jobHistory.events.isEmpty else { return nil }
        let shown = jobHistory.events.suffix(Self.eventsShown).map { event in
            let clock = event.time.iso8601.drop { $0 != "T" }.dropFirst().prefix(8)
            let step = event.step.map { " \(firstLine(of: $0))" } ?? ""
            return "\(event.what.name)\(step) \(clock)" + (event.by.map { " (\($0))" } ?? "")
        }
        let lead = jobHistory.events.count > Self.eventsShown || jobHistory.isCut ? ["…"] : []
        return (lead + shown).joined(separator: " ─ ")
    }
}
