package import PondCore
package import PondQueue
import PondWorker
import Synchronization

/// Measures how long it takes from the call of `enqueue` to the start of the handler.
///
/// Producer and worker are one process, so that one clock tells both; they have a connection each. The producer runs on
/// the thread of its connection, or it would wait for its turn among the handlers. A job's time begins before its
/// `enqueue`, and jobs come at the pace that is asked for, however long earlier ones take.
package struct LatencyBench: Sendable {
    private static let tick = Duration.milliseconds(1)

    private let queue: Queue
    private let slots: Int
    private let clock: LocalClock

    package init(_ queue: Queue, slots: Int = 10, clock: LocalClock = .system) {
        self.queue = queue
        self.slots = slots
        self.clock = clock
    }

    /// When each job was enqueued, and how long those took that have begun.
    private final class Notes: Sendable {
        private struct State {
            var sent: [LocalInstant] = []
            var histogram = Histogram()
        }

        let done: JobCount
        private let state = Mutex(State())

        init(jobs: Int) {
            done = JobCount(goal: jobs)
        }

        var histogram: Histogram { state.withLock { $0.histogram } }

        func send(_ count: Int, at now: LocalInstant) -> Range<Int> {
            state.withLock { state in
                let first = state.sent.count
                for _ in 0..<count { state.sent.append(now) }
                return first..<first + count
            }
        }

        func begin(_ number: Int, at now: LocalInstant) {
            state.withLock { $0.histogram.note($0.sent[number].duration(to: now)) }
            done.note()
        }
    }

    private struct TimedJob: JobHandler {
        static let kind = BenchPayload.kind
        let notes: Notes
        let clock: LocalClock

        func run(_ payload: BenchPayload, _ job: JobContext) async throws {
            notes.begin(payload.n, at: clock.now())
        }
    }

    /// One job at a time, each into an idle worker.
    package func idle(_ jobs: Int, pause: Duration = .milliseconds(5)) async throws -> Histogram {
        try await run(jobs) { notes in
            for _ in 0..<jobs {
                let numbers = notes.send(1, at: clock.now())
                _ = try await queue.enqueue(BenchPayload.job(numbers.lowerBound))
                try await clock.sleep(pause)
            }
        }
    }

    /// So many jobs a second, whatever becomes of them.
    package func loaded(_ jobs: Int, perSecond: Double) async throws -> Histogram {
        try await run(jobs) { notes in
            let started = clock.now()
            var sent = 0
            while sent < jobs {
                try await clock.sleep(Self.tick)
                let due = min(jobs, Int(started.duration(to: clock.now()).inSeconds * perSecond))
                guard due > sent else { continue }
                for number in notes.send(due - sent, at: clock.now()).chunks(of: Limits.enqueueBatchMax) {
                    for answer in try await queue.enqueue(number.map { BenchPayload.job($0) }) { _ = try answer.get() }
                }
                sent = due
            }
        }
    }

    private func run(_ jobs: Int, _ produce: @escaping @Sendable (Notes) async throws -> Void) async throws -> Histogram
    {
        let notes = Notes(jobs: jobs)
        let ready = WakeSignal()
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        configuration.slots = slots
        let worker = try Worker(
            queue.pond,
            jobs: JobList { TimedJob(notes: notes, clock: clock) },
            configuration: configuration,
            clock: clock
        ) { ready.ring() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            group.addTask {
                defer { worker.drain() }
                if await ready.wait(atMost: .seconds(60), clock) { throw BenchFailure.tooSlow(.seconds(60)) }
                try await withTaskExecutorPreference(queue.pond.executor) { try await produce(notes) }
                if await notes.done.reached.wait(atMost: .seconds(60), clock) {
                    throw BenchFailure.tooSlow(.seconds(60))
                }
            }
            try await group.waitForAll()
        }
        return notes.histogram
    }
}

extension Range<Int> {
    /// The range in parts of at most so many.
    fileprivate func chunks(of size: Int) -> [Range<Int>] {
        stride(from: lowerBound, to: upperBound, by: size).map { $0..<Swift.min($0 + size, upperBound) }
    }
}
