// A payment provider as real ones are: it knows no fences, only keys. A key is done once and undone once, whoever asks and
// however often; what was undone before it was done is never done (the undo leaves a mark behind).

/// What was asked of the provider, and what it did: the evidence that a worker cannot forge.
package struct PaymentRow: Sendable, Hashable {
    /// What the provider did with a request.
    package enum Outcome: String, Sendable, Hashable {
        case applied
        /// It was done, and whoever asked was told that it failed.
        case appliedLost = "applied-lost"
        case undone
        case undoneLost = "undone-lost"
        /// It had been done, or undone, before.
        case again
        /// There was nothing to undo; from now on there never will be.
        case nothing
        /// It had been undone before it was asked for.
        case void
        case busy, no

        package var isEffect: Bool { self == .applied || self == .appliedLost }
        /// Whether it is undone by this.
        package var isUndo: Bool { self == .undone || self == .undoneLost || self == .nothing }

        /// The word that is answered.
        package var word: String {
            switch self {
            case .applied, .undone, .again, .nothing: "ok"
            case .appliedLost, .undoneLost, .busy: "busy"
            case .void, .no: rawValue
            }
        }
    }

    package var saga: String
    package var id: String
    package var key: String
    package var step: String
    package var isUndo: Bool
    package var fence: Int64
    package var process: String
    package var cents: Int
    /// The token of a question, empty for none.
    package var token: String
    package var outcome: Outcome
    package var monotonic: Int64
    package var order: Int64

    package init(
        saga: String,
        id: String,
        key: String,
        step: String,
        isUndo: Bool = false,
        fence: Int64 = 1,
        process: String = "w1",
        cents: Int = 1,
        token: String = "",
        outcome: Outcome = .applied,
        monotonic: Int64 = 0,
        order: Int64 = 0
    ) {
        (self.saga, self.id, self.key, self.step, self.isUndo) = (saga, id, key, step, isUndo)
        (self.fence, self.process, self.cents, self.token) = (fence, process, cents, token)
        (self.outcome, self.monotonic, self.order) = (outcome, monotonic, order)
    }
}

/// What is asked of the provider.
package struct PaymentRequest: Sendable, Hashable {
    package var saga: String
    package var id: String
    package var key: String
    package var step: String
    package var isUndo: Bool
    package var fence: Int64
    package var cents: Int
    package var token: String
    package var trouble: Trouble?

    package init(
        saga: String,
        id: String,
        key: String,
        step: String,
        isUndo: Bool,
        fence: Int64,
        cents: Int,
        token: String = "",
        trouble: Trouble? = nil
    ) {
        (self.saga, self.id, self.key, self.step, self.isUndo) = (saga, id, key, step, isUndo)
        (self.fence, self.cents, self.token, self.trouble) = (fence, cents, token, trouble)
    }

    /// As words without spaces, `-` for what is empty.
    package var words: [String] {
        [
            "pay", saga, id, key, step, isUndo ? "undo" : "do", "\(fence)", "\(cents)", token.isEmpty ? "-" : token,
            trouble?.word ?? "-",
        ]
    }

    package init?(words: [Substring]) {
        guard words.count == 10, words[0] == "pay", let fence = Int64(words[6]), let cents = Int(words[7]) else {
            return nil
        }
        self.init(
            saga: String(words[1]),
            id: String(words[2]),
            key: String(words[3]),
            step: String(words[4]),
            isUndo: words[5] == "undo",
            fence: fence,
            cents: cents,
            token: words[8] == "-" ? "" : String(words[8]),
            trouble: Trouble(word: words[9])
        )
    }
}

/// What the provider knows of its keys.
package struct Provider: Sendable {
    private enum State { case done, undone }
    private var states: [String: State] = [:]
    private var tries: [String: Int] = [:]

    package init() {}

    /// Does what is asked for, unless it was done before or there is trouble.
    package mutating func handle(_ request: PaymentRequest) -> PaymentRow.Outcome {
        let name = request.key + (request.isUndo ? " undo" : "")
        tries[name, default: 0] += 1
        let trouble = request.trouble.flatMap { tries[name, default: 0] <= $0.times ? $0.kind : nil }
        switch (states[request.key], request.isUndo) {
        case (.undone, false): return .void
        case (.done, false), (.undone, true): return .again
        case (nil, false), (nil, true), (.done, true): break
        }
        if trouble == .busy { return .busy }
        if trouble == .no { return .no }
        let wasDone = states[request.key] == .done
        states[request.key] = request.isUndo ? .undone : .done
        guard request.isUndo else { return trouble == .lost ? .appliedLost : .applied }
        return !wasDone ? .nothing : trouble == .lost ? .undoneLost : .undone
    }
}
