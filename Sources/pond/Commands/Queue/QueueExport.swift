import Millpond
import PondCore
import PondQueue

/// Reads a queue's jobs page by page and writes them as lines.
struct QueueExport {
    /// What was written so far.
    struct Tally {
        /// Jobs by state, those of this run alone.
        var jobs: [ExportState: Int] = [:]
        /// Entries that a worker had when they were looked at.
        var inFlight = 0
        /// Sagas and their children, of which a file would have the job and not what it remembers.
        var sagas = 0
        /// Entries that no worker could run.
        var malformed = 0
        /// The first of them, with what is wrong with it.
        var firstMalformed: String?

        var written: Int { jobs.values.reduce(0, +) }
    }

    let queue: Queue
    let states: Set<ExportState>
    /// The last position of each place that grows.
    let ends: [ExportPlace: String]
    /// Held jobs that were written and may come due, run, and be held again before their place is read.
    ///
    /// A hash a job, because an id is ten times as large; that two of them meet is less likely than a broken disk.
    private var seen: Set<Int>
    private var seenUntil: ServerTime?
    /// Behind which job to go on if this run ends early.
    private(set) var cursor: ExportCursor?
    /// How many jobs the file has.
    private(set) var number: Int
    private(set) var tally = Tally()

    /// An export takes long only when there is much; what is due later than this cannot come back meanwhile.
    private static let runMax = Duration.seconds(3_600)

    /// - Parameters:
    ///   - cursor: where to go on; nil for the start.
    ///   - number: how many jobs were written before.
    ///   - seen: the hashes of the held jobs among them.
    init(
        _ queue: Queue,
        states: Set<ExportState>,
        ends: [ExportPlace: String],
        after cursor: ExportCursor?,
        number: Int = 0,
        seen: Set<Int> = []
    ) {
        self.queue = queue
        self.states = states
        self.ends = ends
        self.cursor = cursor
        self.number = number
        self.seen = seen
    }

    /// Writes every job that is left.
    ///
    /// - Parameters:
    ///   - write: is handed the lines of a page, with their ends.
    ///   - progress: is told how many jobs this run has written.
    mutating func run(write: (String) async throws -> Void, progress: (Int) -> Void) async throws {
        seenUntil = try await queue.depth().now.advanced(by: QueueExport.runMax)
        let places = ExportPlace.allCases
        let first = cursor.flatMap { places.firstIndex(of: $0.place) } ?? 0
        for place in places[first...] where states.contains(ExportState(place)) {
            var position = cursor?.place == place ? cursor?.position ?? "" : ""
            while true {
                try Task.checkCancellation()
                let page = try await queue.export(place, after: position, upTo: ends[place] ?? "")
                let lines = lines(of: page, place)
                if !lines.isEmpty { try await write(lines) }
                position = page.position
                if !position.isEmpty { cursor = ExportCursor(place, position) }
                tally.inFlight += page.inFlight
                progress(tally.written)
                guard page.hasMore else { break }
            }
        }
    }

    private mutating func lines(of page: ExportPage, _ place: ExportPlace) -> String {
        var lines = ""
        for found in page.jobs {
            if place == .held {
                let hash = found.id.hashValue
                if seen.contains(hash) { continue }
                if let due = found.time, let seenUntil, due < seenUntil { seen.insert(hash) }
            }
            switch found.job {
            case .success(let job) where job.isSaga || job.isChild: tally.sagas += 1
            case .success(let job):
                number += 1
                tally.jobs[ExportState(place), default: 0] += 1
                lines += QueueFileJob.line(number, place, found, job) + "\n"
            case .failure(let malformation):
                tally.malformed += 1
                tally.firstMalformed = tally.firstMalformed ?? "\(found.id): \(malformation)"
            }
        }
        return lines
    }
}
