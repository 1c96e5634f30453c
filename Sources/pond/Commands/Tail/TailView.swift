import Millpond
import PondCore
import PondInsight

/// An event of a journal, as a line and as a document.
struct TailView {
    let event: TailEvent

    private var what: JournalEvent { event.event }
    /// The columns of the longest name of an event.
    private static let nameWidth = JournalEvent.Kind.allCases.map(\.rawValue.count).max() ?? 0

    /// Time, queue, event, kind, id, try, times, and why.
    func line(for terminal: Terminal) -> String {
        let name = what.what.rawValue
        let padding = String(repeating: " ", count: max(0, Self.nameWidth - name.count))
        var words = [
            terminal.tinted(time, .dim), SafeText.escaped(event.queue.text), terminal.tinted(name, tint) + padding,
            SafeText.escaped(what.facts?.kind ?? "-"), SafeText.escaped(what.job.text),
        ]
        if let attempt = what.facts?.attempt, attempt > 1 { words.append("try \(attempt)") }
        if let wait = what.facts?.wait { words.append("wait \(wait.human)") }
        if let run = what.facts?.run { words.append("run \(run.human)") }
        words += details.map { SafeText.escaped($0) }
        return words.joined(separator: "  ")
    }

    /// `12:34:56.789`, in UTC.
    private var time: String {
        let milliseconds = String(1_000 + event.time.milliseconds % 1_000).dropFirst()
        return "\(event.time.iso8601.dropFirst(11).prefix(8)).\(milliseconds)"
    }

    /// What the event's words say, and the first line of its text.
    var details: [String] {
        var details: [String] = []
        switch what.what {
        case .dead:
            if let cause = what.words.first { details.append(cause) }
            if what.words.count > 1 { details.append("E-\(what.words[1])") }
        case .retried, .deferred, .scheduled, .released:
            if let due = what.words.first.flatMap({ Int64($0) }) {
                details.append("due in \(ServerTime(milliseconds: due).since(event.time).human)")
            }
        case .reclaimed: if let lost = what.words.first { details.append("from \(lost)") }
        case .duplicate: if let holder = what.words.first { details.append("of \(holder)") }
        case .progress: if let part = what.words.first { details.append(part) }
        case .waiting:
            if let step = what.step { details.append("for \(step)") }
            if let due = what.words.first.flatMap({ Int64($0) }), due > 0 {
                details.append("due in \(ServerTime(milliseconds: due).since(event.time).human)")
            }
        case .limited:
            if let limit = what.words.first { details.append("by \(limit)") }
            details += what.words.dropFirst()
        case .done: break
        default: if !what.words.isEmpty { details.append(what.words.joined(separator: " ")) }
        }
        if let text = what.text { details.append(String(text.prefix { $0 != "\n" }.prefix(200))) }
        return details
    }

    var tint: Tint { Self.tint(what.what) }

    /// Green for what went well, red for what somebody has to look at, yellow for what is tried again or undone.
    static func tint(_ kind: JournalEvent.Kind) -> Tint {
        switch kind {
        case .done, .compensated, .step, .undone: .green
        case .dead, .dropped, .lost, .ghost, .stepUnknown, .undoFailed, .sagaStuck, .sagaPaused: .red
        case .retried, .reclaimed, .expired, .deferred, .limited, .stepRetried, .stepFailed, .turned, .undoRetried,
            .tokenConflict,
            .tokenExpired, .tokenVoid:
            .yellow
        default: .cyan
        }
    }

    var document: JSONDocument { JSONDocument(kind: "Event", members) }

    /// The event's members, for a document of its own and for lists.
    var members: [(String, JSONValue)] {
        [
            ("at", .time(event.time)), ("queue", .string(event.queue.text)), ("event", .string(what.what.rawValue)),
            ("id", .string(what.job.text)), ("kind_of_job", .text(what.facts?.kind)),
            ("attempt", what.facts?.attempt.map { .count($0) } ?? .null), ("wait", .seconds(what.facts?.wait)),
            ("run", .seconds(what.facts?.run)), ("correlation_id", .text(what.facts?.correlationID)),
            ("causation_id", .text(what.facts?.causationID)), ("worker", .text(event.by)),
            ("step", .text(what.step)), ("words", .array(what.words.map { .string($0) })), ("text", .text(what.text)),
        ]
    }
}
