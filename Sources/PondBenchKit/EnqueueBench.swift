package import PondCore
package import PondQueue

/// How many jobs were done in which time.
package struct Pace: Sendable, Codable, Hashable {
    /// How many.
    package let jobs: Int
    /// In how many seconds.
    package let seconds: Double

    package init(jobs: Int, seconds: Double) {
        self.jobs = jobs
        self.seconds = seconds
    }

    /// Jobs a second.
    package var perSecond: Double { seconds > 0 ? Double(jobs) / seconds : 0 }
}

/// Measures how fast jobs get into a queue.
package struct EnqueueBench: Sendable {
    private let queue: Queue
    private let clock: LocalClock
    /// Made once, as the floor's payload is: what is measured is the way into the queue.
    private let job = BenchPayload.job()

    private let executor: (any TaskExecutor)?

    /// - Parameter executor: where the producers' tasks run. Defaults to Swift's thread pool.
    package init(_ queue: Queue, executor: (any TaskExecutor)? = nil, clock: LocalClock = .system) {
        self.executor = executor
        self.queue = queue
        self.clock = clock
    }

    /// Tasks that each enqueue one job after the other, all over one connection.
    ///
    /// - Parameters:
    ///   - jobs: how many in all.
    ///   - limit: no further job is begun after this time; nil for no limit.
    package func oneByOne(_ jobs: Int, tasks: Int = 1, atMost limit: Duration? = nil) async throws -> Pace {
        let started = clock.now()
        let deadline = limit.map { started + $0 }
        let done = try await withTaskExecutorPreference(executor) {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for task in 0..<tasks {
                    let share = jobs / tasks + (task < jobs % tasks ? 1 : 0)
                    group.addTask { try await enqueue(share, until: deadline) }
                }
                var done = 0
                for try await count in group { done += count }
                return done
            }
        }
        return Pace(jobs: done, seconds: started.duration(to: clock.now()).inSeconds)
    }

    private func enqueue(_ jobs: Int, until deadline: LocalInstant?) async throws -> Int {
        for number in 0..<jobs {
            if let deadline, clock.now() >= deadline { return number }
            _ = try await queue.enqueue(job)
        }
        return jobs
    }

    /// A thousand jobs a call.
    ///
    /// - Parameters:
    ///   - limit: no further call is begun after this time; nil for no limit.
    ///   - options: what the job of each number is given.
    package func many(
        _ jobs: Int,
        atMost limit: Duration? = nil,
        options: (Int) throws -> EnqueueOptions = { _ in EnqueueOptions() }
    ) async throws -> Pace {
        let started = clock.now()
        var done = 0
        while done < jobs {
            if let limit, started.duration(to: clock.now()) >= limit { break }
            let batch = done..<min(done + Limits.enqueueBatchMax, jobs)
            let answers = try await queue.enqueue(
                batch.map { number in
                    var job = job
                    job.options = try options(number)
                    return job
                }
            )
            for answer in answers { _ = try answer.get() }
            done = batch.upperBound
        }
        return Pace(jobs: done, seconds: started.duration(to: clock.now()).inSeconds)
    }
}
