package import PondCore
import PondRedis

/// The named limits of a deployment, which all its queues share.
package struct NamedLimits: Sendable {
    private let pond: Pond
    private let base: String

    init(_ pond: Pond, base: String) {
        self.pond = pond
        self.base = base
    }

    /// Defines a limit.
    ///
    /// Who waits for it is looked at again; what was admitted stays paid for, so a change lets nothing through twice.
    /// - Parameter name: of one limit, or of a family (`tenant:*`).
    /// - Returns: whether it was defined before.
    @discardableResult
    package func set(_ name: LimitName, _ spec: LimitSpec) async throws(QueueError) -> Bool {
        let rate = spec.rate
        let words = [
            "set", name.text, String(rate?.count ?? 0), String(rate?.period.wholeMilliseconds ?? 0),
            String(rate?.burst ?? 0), String(spec.atATime ?? 0),
        ]
        return try await word(words, of: ["set": false, "changed": true])
    }

    /// Takes a definition away: the name limits nothing then, and who waits for it goes on.
    ///
    /// - Returns: whether there was one.
    package func clear(_ name: LimitName) async throws(QueueError) -> Bool {
        try await word(["clear", name.text], of: ["cleared": true, "unknown": false])
    }

    /// All that are defined, at most `Limits.limitsListedMax`, by name.
    package func list() async throws(QueueError) -> [NamedLimit] {
        var reader = try ReplyReader("pond_limit", try await call(["list"]))
        var limits: [NamedLimit] = []
        while !reader.isAtEnd {
            let facts = try ReplyReader("pond_limit", try reader.value())
            limits.append(try NamedLimit.Facts(facts).limit())
        }
        return limits.sorted { $0.name < $1.name }
    }

    /// One limit with its last hour; nil when nothing is defined for the name.
    ///
    /// - Parameter name: as it is defined, or a name of a family, which then is what that name's own state is.
    package func show(_ name: LimitName) async throws(QueueError) -> NamedLimit? {
        let facts = try NamedLimit.Facts(
            ReplyReader("pond_limit", try await call(["show", name.text]))
        )
        return facts.isEmpty ? nil : try facts.limit()
    }

    /// Asks for what a running job needs now; what it is granted goes back when the job leaves its worker, or with ``give(_:of:)``.
    package func take(_ need: LimitNeed, for job: Job) async throws(QueueError) -> LimitAnswer {
        let words = [
            "take", need.text, Keys(queue: job.queue, prefix: pond.prefix).base, job.id.text,
            // How often it was tried before: a retry has a budget of its own.
            String(job.attempt - 1),
        ]
        var reader = try ReplyReader("pond_limit", try await call(words))
        let answer = try reader.text()
        if answer == "granted" { return .granted }
        let time = Duration.milliseconds(try reader.number())
        guard answer == "wait", let reason = LimitReason(rawValue: try reader.text()) else { throw unexpected(answer) }
        return .wait(time, reason, name: try reader.text())
    }

    /// Gives a place back before the job's end.
    ///
    /// - Returns: whether the job had one.
    @discardableResult
    package func give(_ name: LimitName, of job: Job) async throws(QueueError) -> Bool {
        let words = ["give", name.text, Keys(queue: job.queue, prefix: pond.prefix).base, job.id.text]
        return try await word(words, of: ["given": true, "none": false])
    }

    /// Says what a call to the other side came to.
    package func tell(_ need: LimitNeed, _ news: LimitNews) async throws(QueueError) {
        _ = try await word(["tell", need.text] + news.words, of: ["told": true])
    }

    /// Says what a call cost in truth, where that is known only after it.
    package func adjust(_ name: LimitName, from cost: Int64, to actual: Int64) async throws(QueueError) {
        _ = try await word(["adjust", name.text, String(cost), String(actual)], of: ["adjusted": true])
    }

    private func call(_ words: [String]) async throws(QueueError) -> RESPValue {
        do throws(QueueError) {
            return try await pond.call("pond_limit", base: base, words.map { .text($0) })
        } catch {
            guard let prefix = error.redis?.prefix, prefix == "MOVED" || prefix == "CROSSSLOT" else { throw error }
            throw QueueError(
                .redis,
                "this server is a node of a cluster, and the key \(base) of the limits that queues share is another's: on a "
                    + "cluster each queue has limits of its own, so name the queue: `--queue NAME`",
                redis: error.redis
            )
        }
    }

    private func word(_ words: [String], of known: [String: Bool]) async throws(QueueError) -> Bool {
        var reader = try ReplyReader("pond_limit", try await call(words))
        let answer = try reader.text()
        guard let meaning = known[answer] else { throw unexpected(answer) }
        return meaning
    }

    private func unexpected(_ answer: String) -> QueueError {
        QueueError(.unexpectedReply, "pond_limit answered \"\(answer)\", which this version does not know")
    }
}

extension Pond {
    /// The named limits that its queues share.
    package var limits: NamedLimits { NamedLimits(self, base: Keys.limits(prefix: prefix)) }

    /// The named limits of one queue: on a cluster each has its own.
    package func limits(of queue: Queue) -> NamedLimits { NamedLimits(self, base: queue.keys.base) }
}
