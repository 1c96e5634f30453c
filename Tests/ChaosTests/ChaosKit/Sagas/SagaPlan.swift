/// What a saga of the workload does, move after move: the same in each run of its handler.
package struct SagaPlan: Codable, Sendable, Hashable {
    package var name: String
    package var moves: [PlanMove]

    package init(name: String, moves: [PlanMove]) {
        (self.name, self.moves) = (name, moves)
    }

    /// The effects that it has when all goes well, by the names of their steps; its children's are their own.
    package var effects: [String] { moves.flatMap(\.effects) }

    /// Itself and all that it starts, at any depth.
    package var all: [SagaPlan] { [self] + moves.flatMap { $0.children.flatMap(\.all) } }

    /// The same without trouble, for a replay.
    package func untroubled(named name: String) -> SagaPlan {
        SagaPlan(
            name: name,
            moves: moves.map { move in
                var move = move
                (move.trouble, move.undoTrouble, move.answer) = (nil, nil, .late)
                move.children = move.children.enumerated().map { $1.untroubled(named: "\(name).\(move.name).\($0)") }
                return move
            }
        )
    }
}

/// How the other side fails before it does what it is asked.
package struct Trouble: Codable, Sendable, Hashable {
    package enum Kind: String, Codable, Sendable {
        /// It says that it failed, and has done nothing.
        case busy
        /// It has done it, and the answer is lost.
        case lost
        /// It says no for good.
        case no
    }

    package var kind: Kind
    /// How many requests it happens to.
    package var times: Int

    package init(_ kind: Kind, _ times: Int) {
        (self.kind, self.times) = (kind, times)
    }

    /// As one word, as in `busy:2`.
    package var word: String { "\(kind.rawValue):\(times)" }

    package init?(word: Substring) {
        let parts = word.split(separator: ":")
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])), let times = Int(parts[1]) else {
            return nil
        }
        self.init(kind, times)
    }
}

/// One thing that a saga does.
package struct PlanMove: Codable, Sendable, Hashable {
    package enum Kind: String, Codable, Sendable {
        /// An effect that can be undone.
        case step
        /// The same, never run again after a crash by itself.
        case once
        /// Two steps at a time.
        case pair
        case sleep, signal, callback
        /// Child sagas and their join.
        case fanOut
    }

    /// When somebody answers, or sends a signal.
    package enum Answer: String, Codable, Sendable, CaseIterable {
        case early, late
        /// The same answer, several at a time.
        case twice
        /// Two answers that differ, at a time.
        case conflict
        /// Before the question seems to have arrived.
        case lostSend
        case never, no
    }

    package var kind: Kind
    package var name: String
    package var cents: Int
    /// How long it takes after its effect, in ms; of a sleep how long it is, of a wait how long it may last.
    package var work: Int
    package var trouble: Trouble?
    package var undoTrouble: Trouble?
    /// Whether its undo needs the result; of a fan-out whether it has an undo.
    package var needsResult = false
    /// Further tries of its own, nil leaves them to the job.
    package var retries: Int?
    package var answer = Answer.late
    package var children: [SagaPlan] = []
    /// How many children have to be done; nil is all, 0 none.
    package var atLeast: Int?

    package init(_ kind: Kind, _ name: String, cents: Int = 0, work: Int = 5) {
        (self.kind, self.name, self.cents, self.work) = (kind, name, cents, work)
    }

    /// The names of the steps that have effects.
    package var effects: [String] {
        switch kind {
        case .step, .once, .callback: [name]
        case .pair: ["\(name).a", "\(name).b"]
        case .sleep, .signal, .fanOut: []
        }
    }
}
