package import PondCore
package import PondQueue

/// A limit as it stands: what it allows, what it learned, and what went through it lately.
package struct LimitView: Sendable, Hashable, Codable {
    /// What happened within a minute.
    package struct Minute: Sendable, Hashable, Codable {
        /// Its beginning.
        @Moment package var at: ServerTime?
        /// Jobs that were let go, those that had to wait for it, and answers that were failures.
        package var admitted, refused, failed: Int

        /// The counts of a minute.
        package init(at: ServerTime, admitted: Int, refused: Int, failed: Int) {
            _at = Moment(wrappedValue: at)
            (self.admitted, self.refused, self.failed) = (admitted, refused, failed)
        }
    }

    /// The name, as jobs have it; of a family with the star at its end.
    package var name: String
    /// The name under which somebody has set it: its own, or that of its family.
    package var definedAs: String
    /// What it allows, as `LimitSpec` reads it.
    package var definition: String
    /// What the other side lets it do.
    package var state: NamedLimit.State
    /// Which part of the rate is left after the other side complained, 1 for all.
    package var learned: Double
    /// When the state ends; nil when nothing tells.
    @Moment package var until: ServerTime?
    /// Jobs and calls that have it now, of what it allows at a time.
    package var running: Int
    /// Within the last hour.
    package var admitted, refused, failed: Int
    /// The minutes of the last hour in which something happened, oldest first; empty when only the sums were read.
    package var minutes: [Minute]
    /// The lanes that wait for it, the fullest first; empty when nobody has looked.
    package var lanes: [LimitLane]
    /// Redis' clock.
    @Moment package var at: ServerTime?

    private enum CodingKeys: String, CodingKey {
        case name
        case definedAs = "defined_as"
        case definition, state, learned, until, running, admitted, refused, failed, minutes, lanes, at
    }

    /// A limit as it was read.
    package init(
        name: String,
        definedAs: String? = nil,
        definition: String,
        state: NamedLimit.State = .ok,
        learned: Double = 1,
        until: ServerTime? = nil,
        running: Int = 0,
        admitted: Int = 0,
        refused: Int = 0,
        failed: Int = 0,
        minutes: [Minute] = [],
        lanes: [LimitLane] = [],
        at: ServerTime
    ) {
        (self.name, self.definition, self.state, self.learned) = (name, definition, state, learned)
        self.definedAs = definedAs ?? name
        (self.running, self.admitted, self.refused, self.failed) = (running, admitted, refused, failed)
        (self.minutes, self.lanes) = (minutes, lanes)
        _until = Moment(wrappedValue: until)
        _at = Moment(wrappedValue: at)
    }

    /// Jobs that wait for it, as far as lanes were read.
    package var waiting: Int { lanes.reduce(0) { $0 + $1.waiting } }

    /// Redis' clock.
    package var now: ServerTime { at ?? ServerTime(milliseconds: 0) }

    /// The state in words: `throttled for another 20s`.
    package var stateWords: String {
        let word =
            switch state {
            case .ok: "ok"
            case .throttled: "throttled"
            case .brownout: "brownout: no more is retried for now"
            case .open: "breaker open"
            case .halfOpen: "breaker half open"
            }
        guard let until, until > now else { return word }
        return "\(word), for another \(until.since(now).human)"
    }

    /// How much of the rate is left, in words; nil when it is all.
    package var learnedWords: String? {
        learned < 1 ? "\(Int((learned * 100).rounded()))% of the rate for now" : nil
    }

    /// Whether something is wrong on the other side.
    package var isTroubled: Bool { state != .ok }
}

/// Jobs of a queue that wait for the same limits, in order.
package struct LimitLane: Sendable, Hashable, Codable {
    /// The queue.
    package var queue: String
    /// The limits that its jobs need, as the engine has them.
    package var lane: String
    /// How many jobs wait in it.
    package var waiting: Int
    /// The limit that has no room for the first of them.
    package var limit: String
    /// Why not.
    package var reason: String
    /// When the first may go, about; nil when nothing tells.
    @Moment package var due: ServerTime?

    /// A lane as it was read.
    package init(queue: String, lane: String, waiting: Int, limit: String, reason: String, due: ServerTime?) {
        (self.queue, self.lane, self.waiting) = (queue, lane, waiting)
        (self.limit, self.reason) = (limit, reason)
        _due = Moment(wrappedValue: due)
    }

    /// Whether its jobs wait for a limit, or for one of a family.
    package func waits(for name: String) -> Bool {
        limit == name || LimitName.family(of: limit) == name
    }
}

extension [LimitLane] {
    /// How many jobs each limit holds back, the fullest first.
    package var byLimit: [QueueStatus.Limiting] {
        var sums: [QueueStatus.Limiting] = []
        for lane in self {
            if let index = sums.firstIndex(where: { $0.limit == lane.limit && $0.reason == lane.reason }) {
                sums[index].jobs += lane.waiting
            } else {
                sums.append(QueueStatus.Limiting(limit: lane.limit, reason: lane.reason, jobs: lane.waiting))
            }
        }
        return sums.sorted { ($1.jobs, $0.limit) < ($0.jobs, $1.limit) }
    }
}
