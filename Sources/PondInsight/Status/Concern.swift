/// Something about a deployment that wants a person, with what to do.
package struct Concern: Sendable, Hashable, Codable {
    /// What kind of thing it is, the worst first.
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
        /// Redis takes no writes: nothing is enqueued, begun or ended.
        case noWrites = "no_writes"
        /// A key is of another type: what needs it does not work.
        case fault
        /// Memory is full, or about to be: jobs are refused.
        case full
        /// Jobs that had ended badly were thrown away.
        case dropped
        /// Jobs wait and no worker serves them.
        case unserved
        /// Jobs lie where no worker can read them.
        case unreadable
        /// Workers have stopped fetching by themselves.
        case brake
        /// Jobs have waited for long.
        case behind
        /// What jobs call fails: a breaker is open, or nothing is retried for now.
        case breaker
        /// Sagas have stopped half-way and wait for a person.
        case sagas
        /// Jobs ended badly and wait for a person.
        case dead
        /// Jobs were over before they began.
        case expired
        /// Somebody has paused a queue.
        case paused
        /// Memory runs short.
        case memory

        /// The worse comes first.
        package static func < (lhs: Kind, rhs: Kind) -> Bool { lhs.rank < rhs.rank }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? Self.allCases.count }

        /// Whether jobs are lost or do not run.
        package var isGrave: Bool { self < .behind }
    }

    /// What kind of thing it is.
    package var kind: Kind
    /// In a sentence without its full stop.
    package var text: String
    /// The queues that it is about; empty when it is about none.
    package var queues: [String]
    /// What to do, the likeliest first.
    package var actions: [Action]

    /// Something that was found.
    package init(_ kind: Kind, _ text: String, queues: [String] = [], do actions: [Action]) {
        (self.kind, self.text, self.queues, self.actions) = (kind, text, queues, actions)
    }

    /// The sentence, and what to do.
    package var line: String { text + (actions.first.map { " → " + $0.inSentence } ?? "") }
}
