package import PondCore

/// A limit as it stands: what it allows, what it has learned of the other side, and what came of it in the last hour.
package struct NamedLimit: Sendable, Hashable {
    /// How the other side is.
    package enum State: String, Sendable, CaseIterable {
        /// Nothing is known against it.
        case ok
        /// It said that it is too much, and when to come again.
        case throttled
        /// So much fails that nothing but what the retry budget allows is tried again.
        case brownout
        /// So much fails that nothing is asked of it but a probe now and then.
        case open
        /// Probes came through, and more may go each half second.
        case halfOpen = "half_open"
    }

    /// What became of jobs in a minute.
    package struct Minute: Sendable, Hashable {
        /// When the minute began.
        package let at: ServerTime
        /// How often a job might go.
        package let admitted: Int
        /// How often one had to wait.
        package let refused: Int
        /// How often the other side failed or refused.
        package let failed: Int
    }

    /// Under what it is defined, or the name of a family that was asked for.
    package let name: String
    /// What it allows.
    package let spec: LimitSpec
    /// How the other side is.
    package let state: State
    /// Which part of its rate is used now, in thousandths: less after the other side said that it was too much.
    package let learned: Int
    /// When the state ends, as far as that is known.
    package let until: ServerTime?
    /// Jobs that hold a place of it now.
    package let running: Int
    /// How often a job might go in the last hour.
    package let admitted: Int
    /// How often one had to wait.
    package let refused: Int
    /// How often the other side failed or refused.
    package let failed: Int
    /// The last hour, minute by minute, the oldest first; empty in a list.
    package private(set) var minutes: [Minute] = []
}

extension NamedLimit {
    /// The pairs that one limit is answered as, and the minutes behind them.
    struct Facts {
        private var reader: ReplyReader
        private var facts: [String: String] = [:]
        private var minutes: [Minute] = []

        init(_ reader: ReplyReader) throws(QueueError) {
            self.reader = reader
            while !self.reader.isAtEnd {
                let name = try self.reader.text()
                if name == "minutes" { try readMinutes() } else { facts[name] = try self.reader.text() }
            }
        }

        /// Whether the server knows nothing of it.
        var isEmpty: Bool { facts.isEmpty }

        private mutating func readMinutes() throws(QueueError) {
            let count = try reader.number()
            for _ in 0..<max(0, count) {
                minutes.append(
                    Minute(
                        at: try reader.time(),
                        admitted: Int(try reader.number()),
                        refused: Int(try reader.number()),
                        failed: Int(try reader.number())
                    )
                )
            }
        }

        func limit() throws(QueueError) -> NamedLimit {
            guard let name = facts["name"], let state = State(rawValue: facts["state"] ?? "") else {
                throw QueueError(
                    .unexpectedReply,
                    "pond_limit answered a limit without a name or a known state: \(facts)"
                )
            }
            let until = number("until_ms")
            return NamedLimit(
                name: name,
                spec: try spec(of: name),
                state: state,
                learned: number("learned"),
                until: until == 0 ? nil : ServerTime(milliseconds: Int64(until)),
                running: number("running"),
                admitted: number("admitted"),
                refused: number("refused"),
                failed: number("failed"),
                minutes: minutes
            )
        }

        private func number(_ name: String) -> Int { facts[name].flatMap { Int($0) } ?? 0 }

        private func spec(of name: String) throws(QueueError) -> LimitSpec {
            let (count, atATime) = (number("count"), number("at_a_time"))
            do throws(PondError) {
                let rate =
                    count == 0
                    ? nil
                    : try LimitSpec.Rate(
                        count: count,
                        period: .milliseconds(number("period_ms")),
                        burst: number("burst")
                    )
                return try LimitSpec(rate: rate, atATime: atATime == 0 ? nil : atATime)
            } catch {
                throw QueueError(.unexpectedReply, "limit \(name) is stored as what it cannot be: \(error.message)")
            }
        }
    }
}

/// Why a job may not go yet.
package enum LimitReason: String, Sendable, CaseIterable {
    /// As much has begun as may in the time.
    case rate = "rate_limited"
    /// As many run as may at a time.
    case concurrency = "concurrency_limited"
    /// The other side said when to come again.
    case throttled
    /// So much fails that the retries of this time are used up.
    case brownout
    /// So much fails that only probes are let through.
    case breaker = "breaker_open"

    /// For people, behind `waits because`.
    package var text: String {
        switch self {
        case .rate: "as much has begun as may in the time"
        case .concurrency: "as many run as may at a time"
        case .throttled: "the other side asked for a pause"
        case .brownout: "so much fails there that the retries of this time are used up"
        case .breaker: "so much fails there that only probes are let through"
        }
    }
}

/// What a running job is answered that asks for a limit.
package enum LimitAnswer: Sendable, Hashable {
    /// It may go on.
    case granted
    /// It may not before so much time has passed, and perhaps not even then.
    case wait(Duration, LimitReason, name: String)
}

/// What a call to the other side came to, for what is learned of it.
package enum LimitNews: Sendable, Hashable {
    /// It did what was asked.
    case done
    /// It failed, and might not the next time.
    case failed
    /// It said that it is too much, and to come again after a time.
    case throttled(Duration)

    /// As `pond_limit tell` takes it.
    var words: [String] {
        switch self {
        case .done: ["done"]
        case .failed: ["failed"]
        case .throttled(let time): ["throttled", String(max(0, time.wholeMilliseconds))]
        }
    }
}

/// Whether a fetched job may begin by its limits.
package enum LimitAdmission: String, Sendable, CaseIterable {
    /// It has all that it needs.
    case run
    /// It waits at its limit now, and is no longer this worker's.
    case limited
    /// It is not this worker's.
    case lost
}

/// What jobs of a queue need of limits, and which of them wait for one.
package struct LimitLanes: Sendable, Hashable {
    /// Jobs that need the same limits: they wait in one line.
    package struct Lane: Sendable, Hashable {
        /// The names that they need, a comma between.
        package let names: String
        /// How many of them wait.
        package let waiting: Int
        /// Which of the limits holds them up.
        package let blockedBy: String
        /// Why.
        package let reason: LimitReason?
        /// About when the next of them may go.
        package let due: ServerTime?
    }

    /// What the workers registered for kinds.
    package let kinds: [String: String]
    /// The lines, the longest first.
    package let lanes: [Lane]
}
