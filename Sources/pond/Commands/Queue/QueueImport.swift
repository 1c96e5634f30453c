import Millpond
import PondCore
import PondQueue

/// Reads a queue's file and sends its jobs to a queue, a batch a call.
struct QueueImport {
    /// What became of the jobs.
    struct Tally {
        var ready = 0
        var held = 0
        /// Jobs whose key the queue knows, so that nothing was added.
        var duplicates = 0
        /// Jobs that an earlier run sent.
        var before = 0
        /// Jobs in the file.
        var jobs = 0

        var added: Int { ready + held }
    }

    let queue: Queue
    /// The file's name, for people.
    let source: String
    private(set) var header: QueueFile.Header?
    private(set) var trailer: QueueFile.Trailer?
    private(set) var tally = Tally()
    private var batch: [(line: Int, number: Int64, job: NewJob)] = []
    private var batchBytes = 0
    private var cursor: Int64 = 0
    private var last: Int64 = 0

    init(_ queue: Queue, source: String) {
        self.queue = queue
        self.source = source
    }

    /// Sends every job up to the end, or up to the first line that is refused.
    ///
    /// - Throws: `CommandFailure` that names the line; nothing of it and of those behind it was written.
    mutating func run(_ lines: inout InputLines, progress: (Tally) -> Void) async throws(CommandFailure) {
        while let (pieces, failure) = lines.read() {
            for piece in pieces {
                do throws(CommandFailure) {
                    try await take(piece)
                } catch {
                    try await send()
                    throw stopped(error, at: piece.number)
                }
                guard isFull else { continue }
                try await send()
                progress(tally)
            }
            if let failure {
                try await send()
                throw stopped(CommandFailure(.usage, "it \(failure.reason)"), at: failure.number)
            }
        }
        try await send()
        progress(tally)
        if header == nil { throw CommandFailure(.usage, "\(source) is empty, and not even a header is there") }
    }

    private var isFull: Bool {
        batch.count >= Queue.importBatchMax.jobs || batchBytes >= Queue.importBatchMax.bytes
    }

    private mutating func take(_ line: InputPiece) async throws(CommandFailure) {
        guard header != nil else { return try await begin(line) }
        if trailer != nil { throw CommandFailure(.usage, "it comes behind the last line of the export") }
        if let end = QueueFile.Trailer.read(line.bytes) {
            trailer = end
            return
        }
        let read: QueueFileJob
        let job: NewJob
        do {
            read = try QueueFileJob.read(line.bytes)
            job = try read.newJob()
        } catch let malformed as QueueFileJob.Malformed {
            throw CommandFailure(.usage, "it \(malformed.reason)")
        } catch {
            throw CommandFailure(describing: error)
        }
        guard read.n > last else {
            throw CommandFailure(.usage, "it has the number \(read.n) after \(last), and numbers ascend")
        }
        last = read.n
        tally.jobs += 1
        guard read.n > cursor else {
            tally.before += 1
            return
        }
        batch.append((line.number, read.n, job))
        batchBytes += line.bytes.count
    }

    private mutating func begin(_ line: InputPiece) async throws(CommandFailure) {
        let header = try QueueFile.Header.read(line.bytes, from: source)
        do throws(QueueError) {
            cursor = try await queue.importJobs([], of: header.export).cursor
        } catch {
            throw CommandFailure(describing: error)
        }
        self.header = header
    }

    private mutating func send() async throws(CommandFailure) {
        guard let header, let first = batch.first else { return }
        defer {
            batch.removeAll(keepingCapacity: true)
            batchBytes = 0
        }
        let answer: ImportAnswer
        do throws(QueueError) {
            answer = try await queue.importJobs(batch.map { ($0.number, $0.job) }, of: header.export)
        } catch {
            throw stopped(CommandFailure(describing: error), at: first.line)
        }
        tally.ready += answer.ready
        tally.held += answer.held
        tally.duplicates += answer.duplicates
        tally.before += answer.before
        cursor = max(cursor, answer.cursor)
        guard let refused = answer.refused else { return }
        let line = batch.first { $0.number == refused.number }?.line ?? first.line
        throw stopped(CommandFailure(describing: refused.error), at: line)
    }

    private func stopped(_ failure: CommandFailure, at line: Int) -> CommandFailure {
        // What is wrong with the header names the file.
        guard header != nil else { return failure }
        return CommandFailure(
            failure.exitCode,
            "stopped at line \(line): \(failure.message); \(tally.added.of("job")) added before",
            hint: "mend the line or take it out, then import the same file again: no job is added twice"
        )
    }
}
