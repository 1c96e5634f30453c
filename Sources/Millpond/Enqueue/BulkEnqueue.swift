import PondCore
import PondQueue

/// Enqueues one job a piece of an input, a batch a round trip, and knows at every moment how many were enqueued.
struct BulkEnqueue {
    /// The most jobs of one round trip.
    static let batchMax = 500

    let queue: Queue
    let kind: JobKind
    let options: EnqueueOptions
    /// How the input is read.
    let bulk: BulkOptions
    /// Whether payloads may be something else than JSON.
    let isRaw: Bool
    private(set) var tally = BulkTally()

    init(_ queue: Queue, kind: JobKind, options: EnqueueOptions, bulk: BulkOptions, isRaw: Bool) {
        self.queue = queue
        self.kind = kind
        self.options = options
        self.bulk = bulk
        self.isRaw = isRaw
    }

    /// Enqueues every piece up to the end, or up to the first that is refused.
    ///
    /// - Parameter progress: called after each batch.
    /// - Throws: `CommandFailure` that names the piece, and says how many jobs are in the queue all the same.
    mutating func run<Input: BulkInput>(
        _ input: inout Input,
        progress: (BulkTally) -> Void
    ) async throws(CommandFailure) {
        let passed = Input.firstNumber + (bulk.skip ?? 0)
        while let (read, failure) = input.read() {
            var batch: [(number: Int, job: NewJob)] = []
            for piece in read {
                let isBlank = piece.bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
                if !isBlank { tally.found += 1 }
                guard piece.number >= passed else { continue }
                if isBlank {
                    tally.skipped += 1
                    continue
                }
                do throws(CommandFailure) {
                    batch.append((piece.number, try job(of: piece, Input.self)))
                } catch {
                    try await send(batch, Input.self)
                    throw stopped(error, at: piece.number, Input.self)
                }
                guard batch.count == BulkEnqueue.batchMax else { continue }
                try await send(batch, Input.self)
                progress(tally)
                batch.removeAll(keepingCapacity: true)
            }
            try await send(batch, Input.self)
            progress(tally)
            if let failure {
                let text = "\(Input.piece) \(failure.number) \(failure.reason)"
                throw stopped(CommandFailure(.usage, text), at: failure.number, Input.self)
            }
        }
        try checkFound(Input.self)
    }

    /// What was given must not be enqueued as nothing without a word.
    private func checkFound<Input: BulkInput>(_: Input.Type) throws(CommandFailure) {
        guard tally.found == 0, !bulk.allowEmpty, tally.skipped > 0 || !Input.mayBeEmpty else { return }
        let rest = tally.skipped > 0 ? ", only \(tally.skipped.of("empty \(Input.piece)"))" : Input.emptyText
        throw CommandFailure(
            .usage,
            "nothing to enqueue: standard input holds no \(Input.piece) with a job\(rest)",
            hint: "--allow-empty lets that be no failure"
        )
    }

    private func job<Input: BulkInput>(of piece: InputPiece, _: Input.Type) throws(CommandFailure) -> NewJob {
        let name = "\(Input.piece) \(piece.number)"
        if isRaw {
            try PayloadSource.checkIsOneLine(piece.bytes, from: name)
        } else if !Input.isAlwaysJSON {
            try PayloadSource.check(piece.bytes, from: name)
        }
        var job = NewJob(kind: kind, data: piece.bytes, options: options)
        guard bulk.keyField != nil || bulk.correlationField != nil else { return job }
        do {
            if let field = bulk.keyField {
                job.options.key = try IdempotencyKey(try JSONMember.text(field, in: piece.bytes))
            }
            if let field = bulk.correlationField {
                let id = try JSONMember.text(field, in: piece.bytes)
                if id.isEmpty { throw JSONMember.Flaw(reason: "has an empty \"\(field)\"") }
                job.options.correlationID = id
            }
            // What came from the input is checked here, where it is still known which piece it came from.
            _ = try job.options.checked()
        } catch let flaw as JSONMember.Flaw {
            throw CommandFailure(.usage, "\(name) \(flaw.reason)")
        } catch let error as PondError {
            throw CommandFailure(.usage, "\(name): \(error.message)")
        } catch {
            throw CommandFailure(describing: error)
        }
        return job
    }

    private mutating func send<Input: BulkInput>(
        _ batch: [(number: Int, job: NewJob)],
        _: Input.Type
    ) async throws(CommandFailure) {
        guard let first = batch.first else { return }
        let answers: [Result<EnqueueAnswer, QueueError>]
        do {
            answers = try await queue.enqueue(batch.map(\.job))
        } catch {
            let isInDoubt = error.outcomeUnknown
            if isInDoubt { tally.unknown += batch.count }
            throw stopped(
                CommandFailure(describing: error),
                at: first.number,
                unknownUpTo: isInDoubt ? batch[batch.count - 1].number : 0,
                Input.self
            )
        }
        var refusal: (number: Int, job: NewJob, error: QueueError)?
        // Jobs of a round trip stand for themselves, so some behind the refused one may be in the queue.
        var (behind, inDoubt) = (0, 0)
        for (piece, answer) in zip(batch, answers) {
            if case .failure(let error) = answer {
                if error.outcomeUnknown { (tally.unknown, inDoubt) = (tally.unknown + 1, piece.number) }
                refusal = refusal ?? (piece.number, piece.job, error)
                continue
            }
            count(answer)
            if refusal != nil { behind = piece.number }
        }
        guard let refusal else { return }
        throw stopped(
            CommandFailure(describing: refusal.error, of: refusal.job, in: queue.name),
            at: refusal.number,
            answeredUpTo: behind,
            unknownUpTo: inDoubt,
            Input.self
        )
    }

    private mutating func count(_ answer: Result<EnqueueAnswer, QueueError>) {
        switch answer {
        case .success(.enqueued): tally.enqueued += 1
        case .success(.held): tally.held += 1
        case .success(.duplicate(let id, let state, _)):
            tally.duplicates += 1
            guard state == .dead else { return }
            tally.dead += 1
            tally.deadExample = tally.deadExample ?? "\(queue.name)/\(id)"
        case .failure: break
        }
    }

    private func stopped<Input: BulkInput>(
        _ failure: CommandFailure,
        at number: Int,
        answeredUpTo: Int = 0,
        unknownUpTo: Int = 0,
        _: Input.Type
    ) -> CommandFailure {
        BulkStop(
            (Input.piece, Input.firstNumber),
            at: number,
            answeredUpTo: answeredUpTo,
            unknownUpTo: unknownUpTo,
            hasKeys: bulk.keyField != nil || options.key != nil
        ).failure(failure, tally)
    }
}

extension EnqueueOptions {
    /// Themselves, when a job may have them.
    fileprivate func checked() throws(PondError) -> EnqueueOptions {
        // The kind and the payload are checked elsewhere, and a payload is large to copy.
        _ = try NewJob(kind: try JobKind("a"), options: self).fields()
        return self
    }
}
