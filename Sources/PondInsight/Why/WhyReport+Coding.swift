import PondCore

// The answer as programs read it: `pond why --json`, and a console.

extension WhyReport: Codable {
    private enum CodingKeys: String, CodingKey {
        case queue, id, kind, state, reason, since, detail, next, actions, facts, at
        case unseen = "not_seen"
    }

    /// A fact's name, with underscores for blanks.
    private struct FactKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads what `encode(to:)` has written.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let facts = try container.nestedContainer(keyedBy: FactKey.self, forKey: .facts)
        self.init(
            queue: try container.decode(String?.self, forKey: .queue),
            id: JobID(try container.decode(String.self, forKey: .id)),
            kind: try container.decode(String?.self, forKey: .kind),
            reason: try container.decode(Reason.self, forKey: .reason),
            since: try container.decode(Moment.self, forKey: .since).wrappedValue,
            detail: try container.decode(String.self, forKey: .detail),
            next: try container.decode(String.self, forKey: .next),
            actions: try container.decode([String].self, forKey: .actions).map { .words($0) },
            facts: try facts.allKeys.map { key in
                Fact(key.stringValue.replacing("_", with: " "), try facts.decode(String.self, forKey: key))
            },
            unseen: try container.decode([String].self, forKey: .unseen),
            now: try container.decode(Moment.self, forKey: .at).wrappedValue ?? ServerTime(milliseconds: 0)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(OrNull(wrappedValue: queue), forKey: .queue)
        try container.encode(id.text, forKey: .id)
        try container.encode(OrNull(wrappedValue: kind), forKey: .kind)
        try container.encode(state, forKey: .state)
        try container.encode(reason, forKey: .reason)
        try container.encode(Moment(wrappedValue: since), forKey: .since)
        try container.encode(detail, forKey: .detail)
        try container.encode(next, forKey: .next)
        try container.encode(actions.map(\.text), forKey: .actions)
        var facts = container.nestedContainer(keyedBy: FactKey.self, forKey: .facts)
        for fact in self.facts {
            try facts.encode(fact.value, forKey: FactKey(stringValue: fact.name.replacing(" ", with: "_")))
        }
        try container.encode(unseen, forKey: .unseen)
        try container.encode(Moment(wrappedValue: now), forKey: .at)
    }
}
