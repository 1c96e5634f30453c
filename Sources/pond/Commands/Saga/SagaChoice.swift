import ArgumentParser
import Millpond
import PondCore
import PondInsight
import PondQueue

/// Which saga a command is about.
struct SagaChoice: ParsableArguments {
    @Argument(help: "The id of the saga's job, or QUEUE/ID.")
    var id: String

    @Option(help: ArgumentHelp("The saga's queue.", valueName: "name"))
    var queue: String?

    /// A saga that was found.
    struct Found {
        let queue: Queue
        let id: JobID
        let detail: SagaDetail

        /// The saga with its queue.
        var address: String { "\(queue.name)/\(id)" }
    }

    /// Finds the saga; without a queue it is looked for in all known ones.
    ///
    /// - Throws: `CommandFailure` when no queue has it, several have, or the job has never become one.
    func find(on pond: Pond) async throws -> Found {
        let address = try JobAddress(id)
        let queues = try await QueueLookup(pond: pond).queues(address.queue ?? queue)
        var found: [Found] = []
        for queue in queues {
            if let detail = try await queue.sagaDetail(address.id, withResults: false) {
                found.append(Found(queue: queue, id: address.id, detail: detail))
            }
        }
        guard found.count <= 1 else {
            throw CommandFailure(
                .usage,
                "\(found.count) queues have a saga \(SafeText.escaped(address.id.text))",
                hint: "name one: \(found.map(\.address).joined(separator: ", "))"
            )
        }
        if let saga = found.first { return saga }
        throw try await missing(address, on: pond)
    }

    /// Why there is no such saga: the job is none, or nobody has the job.
    private func missing(_ address: JobAddress, on pond: Pond) async throws -> CommandFailure {
        for queue in try await QueueLookup(pond: pond).queues(address.queue ?? queue)
        where try await queue.job(address.id).state != .unknown {
            let job = SafeText.escaped("\(queue.name)/\(address.id)")
            return CommandFailure(
                .conflict,
                "job \(job) is no saga: it has begun no step that is remembered",
                hint: "`pond why \(job)` says where it is"
            )
        }
        let kept = Limits.sagaKept.human
        return CommandFailure(
            .notFound,
            "there is no saga \(SafeText.escaped(address.id.text)): it ended more than \(kept) ago, or never was",
            hint: "check the id and the queue; `pond saga list` lists them, `pond why` knows what the history does"
        )
    }
}

extension SagaChoice.Found {
    /// Writes down who did what to the saga.
    func audit(_ action: String, reason: String?, result: String = "", step: String? = nil) async throws {
        let target = step.map { "\(id) \($0)" } ?? id.text
        let part = DeadPart(queue: queue, ids: [id])
        try await DeadActor.current(reason: reason).write("saga \(action)", target, [part], result: result)
    }

    /// What the answer to a person's wish means.
    ///
    /// - Throws: `CommandFailure` unless it was done.
    func check(_ answer: PersonAnswer, to wish: String) throws {
        switch answer {
        case .moved: return
        case .unknown:
            throw CommandFailure(.notFound, "saga \(address) is gone", hint: "nothing was changed")
        case .refused(let why):
            throw CommandFailure(
                .conflict,
                "saga \(address) was not \(wish): \(SafeText.escaped(why))",
                hint: "nothing was changed; `pond saga show \(address)` shows it step by step"
            )
        }
    }

    /// - Throws: `CommandFailure` for a saga that was replayed while it was paused.
    func refuseReplayed(_ wish: String) throws {
        guard let replay = detail.forkedTo, detail.record.state == .paused, !detail.record.undoes else { return }
        let other = "\(queue.name)/\(replay)"
        throw CommandFailure(
            .conflict,
            "saga \(address) was not \(wish): it was replayed as \(other), which goes on with what it did",
            hint: "`pond why \(other)` says how far that is; --force does it all the same"
        )
    }

    /// Cancels it.
    ///
    /// - Throws: `CommandFailure` for one behind its pivot, unless forced.
    func cancel(force: Bool) async throws -> CancelAnswer {
        do throws(QueueError) { return try await queue.cancel(id, force: force) } catch {
            throw error.code == .forwardOnly ? CommandFailure.behindPivot(address, error) : error
        }
    }

    /// What was done, for people or for programs.
    func tell(
        _ text: String,
        _ kind: String,
        _ members: [(String, JSONValue)],
        asJSON: Bool,
        _ terminal: Terminal
    ) throws {
        if asJSON { return try terminal.print(JSONDocument(kind: kind, [("saga", .string(address))] + members)) }
        try terminal.print(SafeText.escaped(text))
    }
}

extension CommandFailure {
    /// A saga goes forward only from where it is.
    static func behindPivot(_ address: String, _ error: QueueError) -> CommandFailure {
        CommandFailure(
            .conflict,
            "\(SafeText.escaped(address)) was not cancelled: \(SafeText.escaped(error.message))",
            hint:
                "`pond saga pause \(address) --reason WHY` stops it where it is; `pond saga cancel \(address) --force` undoes it"
        )
    }
}

/// Why somebody decides about a saga: everybody who looks at it later asks.
struct SagaReason: ParsableArguments {
    @Option(help: ArgumentHelp("Why, for the audit; at most 1 KiB.", valueName: "text"))
    var reason: String

    func validate() throws { try Self.check(reason) }

    static func check(_ reason: String) throws {
        guard !reason.isEmpty, reason.utf8.count <= 1_024 else {
            throw ValidationError("--reason has 1 to 1024 bytes, not \(reason.utf8.count)")
        }
    }
}
