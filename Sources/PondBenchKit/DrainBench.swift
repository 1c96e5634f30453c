package import PondCore
package import PondQueue
import PondWorker

/// What draining a queue came to.
package struct DrainFigures: Sendable, Codable {
    /// How many jobs this worker ran.
    package let jobs: Int
    /// From the moment when the worker served its queue.
    package let started: LocalInstant
    /// To the moment when the last job was settled in Redis.
    package let ended: LocalInstant
    /// What the process took for it.
    package let cpuSeconds: Double
    /// Its memory at the end.
    package let residentBytes: Int

    /// How fast that was.
    package var pace: Pace { Pace(jobs: jobs, seconds: started.duration(to: ended).inSeconds) }
}

/// Measures how fast a worker empties a queue whose jobs wait there already.
package struct DrainBench: Sendable {
    /// What the handler does with the payload.
    package enum Handling: String, Sendable, CaseIterable {
        /// Nothing.
        case raw
        /// Has it decoded into a struct.
        case decoded
        /// Waits a millisecond, as for an answer over a network.
        case waiting
    }

    /// How often Redis is asked whether all is settled; that is how exact the end is.
    private static let pollInterval = Duration.milliseconds(1)

    private let queue: Queue
    private let slots: Int
    private let handling: Handling
    private let clock: LocalClock

    package init(_ queue: Queue, slots: Int, handling: Handling, clock: LocalClock = .system) {
        self.queue = queue
        self.slots = slots
        self.handling = handling
        self.clock = clock
    }

    /// Drains so many jobs, or all there are together with other workers.
    ///
    /// - Parameters:
    ///   - jobs: how many; nil to go on until the queue is empty.
    ///   - limit: the time after which it gives up on jobs that do not come.
    /// - Throws: `BenchFailure` when the time is over; whatever the worker throws.
    package func run(_ jobs: Int?, atMost limit: Duration = .seconds(120)) async throws -> DrainFigures {
        let count = JobCount(goal: jobs ?? .max)
        let ready = WakeSignal()
        let worker = try makeWorker(count) { ready.ring() }
        let waiting = try await length()
        return try await withThrowingTaskGroup(of: DrainFigures?.self) { group in
            group.addTask {
                try await worker.run()
                return nil
            }
            group.addTask {
                if await ready.wait(atMost: limit, clock) { throw BenchFailure.tooSlow(limit) }
                let started = clock.now()
                let cpu = ProcessUsage.read().cpuSeconds
                if jobs != nil, await count.reached.wait(atMost: limit, clock) { throw BenchFailure.tooSlow(limit) }
                let ended = try await untilSettled(jobs.map { max(0, waiting - $0) } ?? 0, started + limit)
                let usage = ProcessUsage.read()
                worker.drain()
                return DrainFigures(
                    jobs: jobs ?? count.value,
                    started: started,
                    ended: ended,
                    cpuSeconds: usage.cpuSeconds - cpu,
                    residentBytes: usage.residentBytes
                )
            }
            var figures: DrainFigures?
            while let part = try await group.next() { figures = part ?? figures }
            guard let figures else { throw BenchFailure.tooSlow(limit) }
            return figures
        }
    }

    private func untilSettled(_ rest: Int, _ deadline: LocalInstant) async throws -> LocalInstant {
        while try await length() > rest {
            guard clock.now() < deadline else { throw BenchFailure.tooSlow(.zero) }
            try await clock.sleep(Self.pollInterval)
        }
        return clock.now()
    }

    /// Jobs that wait or are in flight: a settled one leaves the stream.
    private func length() async throws -> Int {
        try await queue.length(of: .normal)
    }

    private func makeWorker(_ count: JobCount, _ onReady: @escaping @Sendable () -> Void) throws -> Worker {
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        configuration.slots = slots
        let jobs =
            switch handling {
            case .raw: JobList { RawJob(count: count) }
            case .decoded: JobList { DecodedJob(count: count) }
            case .waiting: JobList { WaitingJob(count: count, clock: clock) }
            }
        return try Worker(queue.pond, jobs: jobs, configuration: configuration, clock: clock, onReady: onReady)
    }
}

/// Why a measurement has no figure.
package enum BenchFailure: Error, Sendable, CustomStringConvertible {
    /// The jobs were not done in time.
    case tooSlow(Duration)

    package var description: String {
        "the jobs were not done in time; the server or this machine is busy with something else, or far too slow for so many"
    }
}
