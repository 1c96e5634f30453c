package import PondCore

/// One thing that happened to one job, with where and when.
package struct TailEvent: Sendable, Hashable {
    /// Whose journal tells of it.
    package var queue: QueueName
    /// The id of the journal's entry.
    package var entry: String
    /// When, by Redis' clock.
    package var time: ServerTime
    /// The worker that wrote it; nil for people and other programs.
    package var by: String?
    /// What happened.
    package var event: JournalEvent

    package init(queue: QueueName, entry: String, time: ServerTime, by: String?, event: JournalEvent) {
        self.queue = queue
        self.entry = entry
        self.time = time
        self.by = by
        self.event = event
    }

    /// The events of a journal's entry, in order.
    static func events(of entry: JournalEntry, in queue: QueueName) -> [TailEvent] {
        entry.events.map { TailEvent(queue: queue, entry: entry.id, time: entry.time, by: entry.by, event: $0) }
    }
}

/// Which events are wanted.
package struct TailFilter: Sendable, Hashable {
    /// Only jobs of these kinds; all when it is empty.
    ///
    /// Events that do not say the kind are left out then.
    package var kinds: Set<String>
    /// Only these events; all when it is empty.
    package var events: Set<JournalEvent.Kind>

    package init(kinds: Set<String> = [], events: Set<JournalEvent.Kind> = []) {
        self.kinds = kinds
        self.events = events
    }

    /// Whether an event is wanted.
    package func takes(_ event: TailEvent) -> Bool {
        (events.isEmpty || events.contains(event.event.what))
            && (kinds.isEmpty || event.event.facts.map { kinds.contains($0.kind) } ?? false)
    }
}
