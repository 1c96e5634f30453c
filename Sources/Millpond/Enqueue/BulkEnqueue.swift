import PondCore
import PondQueue

/// Enqueues one job a line, a batch a round trip, and knows at every moment how many were enqueued.
struct BulkEnqueue {
    /// What became of the lines.
    struct Tally: Sendable, Hashable {
        /// Jobs that are runnable now.
        var enqueued = 0
        /// Jobs that wait for their time.
        var held = 0
        /// Jobs whose key was known, so that nothing was added.
        var duplicates = 0
        /// Jobs of which nobody knows, because the answer was lost.
        var unknown = 0
        /// Empty lines.
        var skipped = 0

        /// Jobs that are in the queue.
        var accepted: Int { enqueued + held }
    }

    /// The most jobs of one round trip.
    static let batchMax = 500

    let queue: Queue
    let kind: JobKind
    let options: EnqueueOptions
    let isRaw: Bool
    private(set) var tally = Tally()

    init(_ queue: Queue, kind: JobKind, options: EnqueueOptions, isRaw: Bool) {
        self.queue = queue
        self.kind = kind
        self.options = options
        self.isRaw = isRaw
    }

    /// Enqueues every line up to the end, or up to the first that is refused.
    ///
    /// - Parameter progress: called after each batch.
    /// - Throws: `CommandFailure` that names the line, and says how many jobs are in the queue all the same.
    mutating func run(_ lines: inout InputLines, progress: (Tally) -> Void) async throws(CommandFailure) {
        while let (read, failure) = lines.read() {
            var batch: [InputLines.Line] = []
            for line in read where !isBlank(line) {
                do throws(CommandFailure) {
                    if !isRaw { try PayloadSource.check(line.bytes, from: "line \(line.number)") }
                } catch {
                    try await send(batch)
                    throw stopped(error, at: line.number)
                }
                batch.append(line)
                guard batch.count == BulkEnqueue.batchMax else { continue }
                try await send(batch)
                progress(tally)
                batch.removeAll(keepingCapacity: true)
            }
            try await send(batch)
            progress(tally)
            if let failure {
                throw stopped(CommandFailure(.usage, "line \(failure.line) \(failure.reason)"), at: failure.line)
            }
        }
    }

    private mutating func isBlank(_ line: InputLines.Line) -> Bool {
        guard line.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else { return false }
        tally.skipped += 1
        return true
    }

    private mutating func send(_ batch: [InputLines.Line]) async throws(CommandFailure) {
        guard let first = batch.first else { return }
        let answers: [Result<EnqueueAnswer, QueueError>]
        do {
            answers = try await queue.enqueue(batch.map { NewJob(kind: kind, data: $0.bytes, options: options) })
        } catch {
            throw stopped(CommandFailure(describing: error), at: first.number)
        }
        var refusal: (line: Int, error: QueueError)?
        for (line, answer) in zip(batch, answers) {
            switch answer {
            case .success(.enqueued): tally.enqueued += 1
            case .success(.held): tally.held += 1
            case .success(.duplicate): tally.duplicates += 1
            case .failure(let error):
                if error.outcomeUnknown { tally.unknown += 1 }
                refusal = refusal ?? (line.number, error)
            }
        }
        if let refusal { throw stopped(CommandFailure(describing: refusal.error), at: refusal.line) }
    }

    private func stopped(_ failure: CommandFailure, at line: Int) -> CommandFailure {
        var told = "stopped at line \(line): \(failure.message); \(tally.accepted.of("job")) enqueued before"
        if tally.unknown > 0 { told += ", of \(tally.unknown) more nobody knows" }
        return CommandFailure(
            failure.exitCode,
            told,
            hint: "mend it and go on from there: tail -n +\(line) FILE | … --lines"
        )
    }
}
