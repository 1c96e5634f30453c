import Millpond
import PondCore
import PondInsight
import PondQueue

/// A job's report as people and programs read it.
struct JobView {
    let queue: QueueName
    let report: JobReport
    /// Redis' clock.
    let now: ServerTime
    /// What its worker says of it, when it is running.
    let running: WorkerAbout.Running?

    static func read(_ queue: Queue, _ report: JobReport) async throws -> JobView {
        var running: WorkerAbout.Running?
        if let owner = report.owner {
            let worker = try await QueueWorker.all(of: queue).first { $0.name == owner.name }
            running = worker?.running("\(queue.name)/\(report.id)")
        }
        return JobView(queue: queue.name, report: report, now: try await queue.depth().now, running: running)
    }

    /// How much of a payload is shown unless all of it is asked for, in bytes.
    static let payloadBytesShown = 4_096

    private var payload: [UInt8] {
        report.fields.first { $0.name.elementsEqual(WireField.data.rawValue.utf8) }?.value ?? []
    }

    private func time(_ field: WireField) -> ServerTime? {
        report.field(field.rawValue).flatMap { Int64($0) }.map { ServerTime(milliseconds: $0) }
    }

    /// When it was first enqueued: as written at its first move, before that by its id.
    private var enqueuedAt: ServerTime? {
        time(.enqueuedAt)
            ?? report.id.text.prefix { $0 != "-" }.wholeNumber.map { ServerTime(milliseconds: $0) }
    }

    private var recoveries: Int {
        report.field(WireField.recoveries.rawValue).flatMap { Int($0) } ?? 0
    }

    /// The fields that Millpond does not know.
    private var headers: [(name: [UInt8], value: [UInt8])] {
        report.fields.filter { field in
            String(validating: field.name, as: UTF8.self).flatMap { WireField(rawValue: $0) } == nil
        }
    }

    // MARK: For people

    func text(for terminal: Terminal, payloadBytesMax: Int?) -> String {
        var parts = [facts.text(for: terminal)]
        if !headers.isEmpty {
            var sheet = Sheet()
            for (name, value) in headers { sheet.add(SafeText.escaped(name), SafeText.escaped(value)) }
            parts.append(terminal.tinted("headers", .dim) + "\n" + sheet.text(for: terminal, indent: 2))
        }
        parts.append(payloadText(terminal, bytesMax: payloadBytesMax))
        return parts.joined(separator: "\n\n")
    }

    /// What is known of the job besides headers and payload.
    var facts: Sheet {
        var sheet = Sheet()
        sheet.add("job", "\(queue)/\(report.id)", .bold)
        sheet.add("kind", report.field(WireField.kind.rawValue) ?? "none: the entry has no such field")
        sheet.add("phase", report.field(WireField.phase.rawValue).map { "\($0): what it did is to be undone" }, .yellow)
        sheet.add("state", stateText, report.state == .dead ? .red : nil)
        sheet.add("owner", report.owner?.name)
        sheet.add("progress", running?.progressText)
        sheet.add("cause", report.cause)
        sheet.add("error", report.error)
        sheet.add("attempts", attemptsText)
        if recoveries > 0 { sheet.add("recoveries", "\(recoveries) (its worker died)") }
        if report.state != .dead { sheet.add("last error", report.field(WireField.lastError.rawValue)) }
        sheet.add("enqueued", enqueuedAt.map { moment($0) })
        sheet.add("expires", time(.expires).map { moment($0) })
        sheet.add("timeout", time(.timeout).map { Duration.milliseconds($0.milliseconds).human })
        sheet.add("key", report.field(WireField.key.rawValue))
        sheet.add("spent", spentText)
        sheet.add("class", report.field(WireField.jobClass.rawValue))
        sheet.add("correlation", report.field(WireField.correlationID.rawValue) ?? report.id.text)
        sheet.add("caused by", report.field(WireField.causationID.rawValue))
        sheet.add("traceparent", report.field(WireField.traceparent.rawValue))
        return sheet
    }

    private var stateText: String {
        if let due = report.due {
            let left = due.since(now)
            let when = left > .zero ? "due in \(left.human)" : "due for \((.zero - left).human)"
            return "\(report.state.rawValue), \(when) (\(due.iso8601))"
        }
        guard let since = report.since else { return report.state.rawValue }
        return "\(report.state.rawValue) for \(now.since(since).human), since \(since.iso8601)"
    }

    private var attemptsText: String {
        let limit = report.field(WireField.attemptsMax.rawValue).map { ", at most \($0) are made" } ?? ""
        return "\(report.attempts) failed\(limit)"
    }

    /// What all tries took, of what they may; nothing for a job that was not tried and has no budget.
    private var spentText: String? {
        let parts: [(WireField, WireField, (Int64) -> String)] = [
            (.spentWall, .budgetWall, { Duration.milliseconds($0).human }),
            (.spentCPU, .budgetCPU, { "\(Duration.milliseconds($0).human) of CPU time" }),
            (.spentUSD, .budgetUSD, { "\(USD(micros: $0))" }),
        ]
        let texts = parts.compactMap { spent, budget, show -> String? in
            let taken = report.field(spent.rawValue).flatMap { Int64($0) }
            let limit = report.field(budget.rawValue).flatMap { Int64($0) }
            guard taken != nil || limit != nil else { return nil }
            return show(taken ?? 0) + (limit.map { " of \(show($0))" } ?? "")
        }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }

    private func moment(_ time: ServerTime) -> String {
        let age = now.since(time)
        return "\(time.iso8601) (\(age >= .zero ? "\(age.human) ago" : "in \((.zero - age).human)"))"
    }

    /// The payload, set anew when it is JSON, cut after `bytesMax` bytes.
    func payloadText(_ terminal: Terminal, bytesMax: Int?) -> String {
        guard !payload.isEmpty else { return terminal.tinted("payload", .dim) + "  none" }
        let pretty = PrettyJSON.text(of: payload)
        let title = "\(payload.count.of("byte"))\(pretty == nil ? "" : " of JSON")"
        let bytes = pretty.map { Array($0.utf8) } ?? payload
        let shown = bytesMax.map { Array(bytes.prefix($0)) } ?? bytes
        var text = terminal.tinted("payload", .dim) + "  \(title)\n" + SafeText.lines(shown)
        if shown.count < bytes.count {
            text += "\n" + terminal.tinted("… \((bytes.count - shown.count).of("byte")) more; --full shows all", .dim)
        }
        return text
    }

    // MARK: For programs

    /// The whole record; `payload` as a string when it is UTF-8, else in base64.
    var json: JSONValue {
        .object([
            ("queue", .string(queue.text)), ("id", .string(report.id.text)),
            ("state", .string(report.state.rawValue)), ("since", .time(report.since)),
            ("owner", .text(report.owner?.name)),
            ("progress", running?.progress.map { .double($0) } ?? .null), ("note", .text(running?.note)),
            ("due", .time(report.due)),
            ("kind", .text(report.field(WireField.kind.rawValue))),
            ("phase", .text(report.field(WireField.phase.rawValue))), ("attempts", .count(report.attempts)),
            ("recoveries", .count(recoveries)), ("cause", .text(report.cause)), ("error", .text(report.error)),
            ("last_error", .text(report.field(WireField.lastError.rawValue))), ("enqueued", .time(enqueuedAt)),
            ("expires", .time(time(.expires))),
            ("correlation_id", .string(report.field(WireField.correlationID.rawValue) ?? report.id.text)),
            ("key", .text(report.field(WireField.key.rawValue))),
            JSONValue.bytes("data", payload),
            ("fields", .array(report.fields.map { JobView.json($0) })),
        ])
    }

    var document: JSONDocument {
        JSONDocument(kind: "Job", items: [json])
    }

    private static func json(_ field: (name: [UInt8], value: [UInt8])) -> JSONValue {
        .object([JSONValue.bytes("name", field.name), JSONValue.bytes("value", field.value)])
    }
}

extension Substring {
    fileprivate var wholeNumber: Int64? { Int64(self) }
}
