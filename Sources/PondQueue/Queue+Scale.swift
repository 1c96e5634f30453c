package import PondCore
import PondRedis

/// What a supervisor needs to know of a queue to size its fleet, at one moment.
package struct QueueLoad: Sendable, Hashable {
    /// A worker whose beat is fresh.
    package struct Worker: Sendable, Hashable {
        /// Its name in the group.
        package let consumer: Consumer
        /// When it beat last.
        package let lastBeat: ServerTime
        /// What it said; nil when it said nothing that this version knows.
        package let load: WorkerLoad?

        /// A worker, for who has read it elsewhere.
        package init(consumer: Consumer, lastBeat: ServerTime, load: WorkerLoad?) {
            (self.consumer, self.lastBeat, self.load) = (consumer, lastBeat, load)
        }
    }

    /// Redis' clock.
    package let now: ServerTime
    /// Runnable jobs that nobody has fetched.
    package let ready: Int
    /// Jobs that a worker has.
    package let inFlight: Int
    /// How long the oldest runnable job has been runnable.
    package let oldestReady: Duration
    /// Jobs that ever became runnable, retries included.
    package let arrivals: Int
    /// Held jobs that become due soon.
    package let dueSoon: Int
    /// Held jobs that become due before an idle queue would be left without workers.
    package let dueLater: Int
    /// Whether workers may not fetch.
    package let isPaused: Bool
    /// What is wrong with a key of the queue, nil when all is well.
    package let fault: String?
    /// The workers whose beat is fresh, stalest first.
    package let workers: [Worker]

    /// A load, for who has read it elsewhere.
    package init(
        now: ServerTime,
        ready: Int,
        inFlight: Int,
        oldestReady: Duration,
        arrivals: Int,
        dueSoon: Int,
        dueLater: Int,
        isPaused: Bool,
        fault: String?,
        workers: [Worker]
    ) {
        self.now = now
        self.ready = ready
        self.inFlight = inFlight
        self.oldestReady = oldestReady
        self.arrivals = arrivals
        self.dueSoon = dueSoon
        self.dueLater = dueLater
        self.isPaused = isPaused
        self.fault = fault
        self.workers = workers
    }
}

extension Queue {
    /// Measures the queue for whoever sizes its fleet, in one read.
    ///
    /// - Parameters:
    ///   - soon: how far ahead `dueSoon` looks.
    ///   - later: how far ahead `dueLater` looks.
    package func load(dueSoon soon: Duration, later: Duration) async throws(QueueError) -> QueueLoad {
        let reply = try await pond.call(
            "pond_scale",
            keys,
            [.integer(soon.wholeMilliseconds), .integer(later.wholeMilliseconds)],
            readOnly: true
        )
        var reader = try ReplyReader("pond_scale", reply)
        let now = try reader.time()
        var counts: [Int] = []
        for _ in 0..<7 { counts.append(Int(try reader.number())) }
        let fault = try reader.text()
        var workers: [QueueLoad.Worker] = []
        while !reader.isAtEnd {
            workers.append(
                QueueLoad.Worker(
                    consumer: Consumer(try reader.text()),
                    lastBeat: try reader.time(),
                    load: WorkerLoad(text: try reader.text())
                )
            )
        }
        return QueueLoad(
            now: now,
            ready: counts[0],
            inFlight: counts[1],
            oldestReady: .milliseconds(counts[2]),
            arrivals: counts[3],
            dueSoon: counts[4],
            dueLater: counts[5],
            isPaused: counts[6] == 1,
            fault: fault.isEmpty ? nil : fault,
            workers: workers
        )
    }
}
