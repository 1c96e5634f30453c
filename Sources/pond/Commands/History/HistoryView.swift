import Millpond
import PondCore
import PondSQLite

/// A history as people and programs read it.
enum HistoryView {
    /// A job's history: what is known of it, then an event a line.
    static func text(_ jobHistory: JobHistory, for terminal: Terminal) -> String {
        let job = jobHistory.job
        var sheet = Sheet()
        sheet.add("job", "\(job.queue)/\(job.id)")
        sheet.add("kind", job.kind)
        sheet.add("correlation", job.correlationID == job.id.text ? nil : job.correlationID)
        sheet.add("enqueued by", job.causationID)
        sheet.add("class", job.jobClass)
        sheet.add("last", job.last.map { "\($0.what.name) at \($0.time.iso8601)" } ?? "waiting, as far as it was read")
        if jobHistory.isCut { sheet.add("left out", "\(job.eventCount - jobHistory.events.count) older events") }
        var table = Table([
            .text("TIME"), .text("EVENT"), .number("TRY"), .number("WAITED"), .number("RAN"), .text("WORKER"),
            .flexible("DETAIL"),
        ])
        for event in jobHistory.events {
            table.add([
                .text(event.time.iso8601), .text(event.what.name, tint(event.what)),
                .text(event.attempt.map { "\($0)" } ?? ""), .text(event.wait?.human ?? ""),
                .text(event.run?.human ?? ""),
                .text(event.by ?? ""), .text(detail(event)),
            ])
        }
        return sheet.text(for: terminal) + (table.isEmpty ? "" : "\n\n" + table.text(for: terminal))
    }

    /// Hits of a search, one a line.
    static func table(_ hits: [HistoryHit]) -> Table {
        var table = Table([
            .text("TIME"), .text("JOB"), .text("KIND"), .text("EVENT"), .text("WORKER"), .flexible("DETAIL"),
        ])
        for hit in hits {
            table.add([
                .text(hit.event.time.iso8601), .text("\(hit.job.queue)/\(hit.job.id)", .bold),
                .text(hit.job.kind ?? ""), .text(hit.event.what.name, tint(hit.event.what)),
                .text(hit.event.by ?? ""), .text(detail(hit.event)),
            ])
        }
        return table
    }

    /// What an event's words and text say.
    static func detail(_ event: HistoryEvent) -> String {
        var parts: [String] = []
        if let cause = event.cause { parts.append(cause) }
        if let group = event.group { parts.append("E-\(group)") }
        if let due = event.due { parts.append("due \(due.iso8601)") }
        switch event.step {
        case let step? where event.what == .waiting: parts.append(step)
        case nil where event.cause != nil || event.due != nil: break
        default: if !event.words.isEmpty { parts.append(event.words.joined(separator: " ")) }
        }
        if let text = event.text { parts.append(text) }
        return parts.joined(separator: " · ")
    }

    private static func tint(_ what: HistoryEvent.What) -> Tint? {
        what.journalKind.map { TailView.tint($0) }.flatMap { $0 == .cyan ? nil : $0 }
    }

    /// A gap in one line.
    static func text(_ gap: HistoryGap) -> String {
        let queue = SafeText.escaped(gap.queue)
        let place = gap.after.map { "after \($0)" } ?? "before all that was read"
        switch (gap.reason, gap.missed) {
        case (.trimmed, let missed?):
            let events = Int(clamping: missed).of("event")
            return "\(queue): \(events) missed \(place), trimmed before they were read"
        default:
            return
                "\(queue): Redis or the journal began again with less \(place); what was lost, if anything, is unknown"
        }
    }
}

// MARK: - The status

extension HistoryView {
    /// How the file stands.
    static func text(_ status: HistoryStatus, _ path: String, for terminal: Terminal, now: ServerTime) -> String {
        var sheet = Sheet()
        sheet.add("file", path)
        sheet.add("history of", status.server)
        sheet.add(
            "follower",
            status.isFollowed ? "runs" : "none runs; start `pond history follow`",
            status.isFollowed ? nil : .yellow
        )
        sheet.add(
            "events",
            "\(status.events.grouped)\(status.removed > 0 ? ", \(status.removed.grouped) older ones are gone" : "")"
        )
        sheet.add("since", status.oldest?.iso8601)
        sheet.add("last read", status.readAt.map { "\(max(.zero, now.since($0)).human) ago" })
        sheet.add("behind", Int(clamping: status.behind).of("event"), status.behind > 0 ? .yellow : nil)
        sheet.add("rate", "\(Int(status.eventsPerSecond.rounded()).grouped) events a second in the last minute")
        sheet.add(
            "size",
            "\(ByteCount.human(status.bytes)), \(ByteCount.human(status.usedBytes)) used, log \(ByteCount.human(status.logBytes))"
        )
        if status.unreadable > 0 { sheet.add("not understood", status.unreadable.of("entry", plural: "entries")) }
        sheet.add("gaps", gapSummary(status), status.gapCount > 0 ? .yellow : nil)
        let gaps = status.gaps.prefix(5).map { "  " + text($0) }
        return ([sheet.text(for: terminal)] + gaps).joined(separator: "\n")
    }

    private static func gapSummary(_ status: HistoryStatus) -> String {
        guard status.gapCount > 0 else { return "none" }
        return "\(status.gapCount.grouped), \(Int(clamping: status.missed).of("event")) missed; the newest:"
    }
}
