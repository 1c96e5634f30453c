import PondCore
import PondQueue

/// Enqueues one job a piece of an input, a batch a round trip, and knows at every moment how many were enqueued.
struct BulkEnqueue {
    /// What became of the pieces.
    struct Tally: Sendable, Hashable {
        /// Jobs that are runnable now.
        var enqueued = 0
        /// Jobs that wait for their time.
        var held = 0
        /// Jobs whose key was known, so that nothing was added.
        var duplicates = 0
        /// Jobs of which nobody knows, because the answer was lost.
        var unknown = 0
        /// Empty pieces.
        var skipped = 0

        /// Jobs that are in the queue.
        var accepted: Int { enqueued + held }
    }

    /// The most jobs of one round trip.
    static let batchMax = 500

    let queue: Queue
    let kind: JobKind
    let options: EnqueueOptions
    /// How the input is read.
    let bulk: BulkOptions
    /// Whether payloads may be something else than JSON.
    let isRaw: Bool
    private(set) var tally = Tally()

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
        progress: (Tally) -> Void
    ) async throws(CommandFailure) {
        let passed = Input.firstNumber + (bulk.skip ?? 0)
        while let (read, failure) = input.read() {
            var batch: [(number: Int, job: NewJob)] = []
            for piece in read where piece.number >= passed && !isBlank(piece) {
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
    }

    private mutating func isBlank(_ piece: InputPiece) -> Bool {
        guard piece.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else { return false }
        tally.skipped += 1
        return true
    }

    private func job<Input: BulkInput>(of piece: InputPiece, _: Input.Type) throws(CommandFailure) -> NewJob {
        let name = "\(Input.piece) \(piece.number)"
        if !isRaw, !Input.isAlwaysJSON { try PayloadSource.check(piece.bytes, from: name) }
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
            throw stopped(CommandFailure(describing: error), at: first.number, Input.self)
        }
        var refusal: (number: Int, error: QueueError)?
        // Jobs of a round trip stand for themselves, so some behind the refused one may be in the queue.
        var behind = 0
        for (piece, answer) in zip(batch, answers) {
            switch answer {
            case .success(.enqueued): tally.enqueued += 1
            case .success(.held): tally.held += 1
            case .success(.duplicate): tally.duplicates += 1
            case .failure(let error):
                if error.outcomeUnknown { tally.unknown += 1 }
                refusal = refusal ?? (piece.number, error)
                continue
            }
            if refusal != nil { behind = piece.number }
        }
        guard let refusal else { return }
        throw stopped(CommandFailure(describing: refusal.error), at: refusal.number, answeredUpTo: behind, Input.self)
    }

    /// - Parameter last: the last piece behind the refused one that is in the queue; 0 when there is none.
    private func stopped<Input: BulkInput>(
        _ failure: CommandFailure,
        at number: Int,
        answeredUpTo last: Int = 0,
        _: Input.Type
    ) -> CommandFailure {
        let isBehind = last > number
        var told = "stopped at \(Input.piece) \(number): \(failure.message); \(tally.accepted.of("job")) enqueued"
        told += isBehind ? ", up to \(Input.piece) \(last)" : " before"
        if tally.duplicates > 0 { told += ", \(tally.duplicates.of("key")) known" }
        if tally.unknown > 0 { told += ", of \(tally.unknown) more nobody knows" }
        let passed = (isBehind ? last + 1 : number) - Input.firstNumber
        let mend = isBehind ? "enqueue that one by itself, then go on" : "mend it and go on"
        return CommandFailure(
            failure.exitCode,
            told,
            hint: mend + ": the same command" + (passed > 0 ? " and --skip \(passed)" : "")
        )
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
