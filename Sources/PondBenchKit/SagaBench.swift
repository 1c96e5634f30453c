package import PondCore
package import PondQueue
import PondRedis
import PondWorker
import Synchronization

/// Measures sagas: how fast steps are written down, what those that wait take, and how late they come back.
package struct SagaBench: Sendable {
    /// Steps of a saga whose steps are counted.
    package static let stepsEach = 10
    private static let patience = Duration.seconds(120)
    private static let tick = Duration.milliseconds(5)

    private let queue: Queue
    private let slots: Int
    private let clock: LocalClock

    package init(_ queue: Queue, slots: Int = 100, clock: LocalClock = .system) {
        self.queue = queue
        self.slots = slots
        self.clock = clock
    }

    /// Runs sagas whose steps do nothing; the figures count steps.
    package func steps(_ sagas: Int) async throws -> DrainFigures {
        let done = JobCount(goal: sagas)
        try await enqueue(sagas)
        return try await serve(Stepping(done: done)) { [self] in
            let started = clock.now()
            let cpu = ProcessUsage.read().cpuSeconds
            try await reach(done)
            let usage = ProcessUsage.read()
            return DrainFigures(
                jobs: sagas * Self.stepsEach,
                started: started,
                ended: clock.now(),
                cpuSeconds: usage.cpuSeconds - cpu,
                residentBytes: usage.residentBytes
            )
        }
    }

    /// Leaves so many sagas behind that wait for a signal, with five steps that have results of 200 bytes.
    package func park(_ sagas: Int) async throws {
        try await enqueue(sagas)
        try await serve(Parking()) { [self] in try await untilWaiting(sagas) }
    }

    /// How late sagas go on that sleep, and whose times come one after the other over a span.
    package func timers(_ sagas: Int, over span: Duration) async throws -> Histogram {
        let notes = Notes(sagas)
        try await enqueue(sagas)
        let handler = Sleeping(notes: notes, count: sagas, span: span, clock: clock)
        try await serve(handler) { [self] in try await reach(notes.done) }
        return notes.histogram
    }

    /// How long it takes from the answer to a token to when the saga goes on that waits for it.
    package func tokens(_ sagas: Int) async throws -> Histogram {
        let notes = Notes(sagas)
        try await enqueue(sagas)
        try await serve(Asking(notes: notes, clock: clock)) { [self] in
            try await untilWaiting(sagas)
            for number in 0..<sagas {
                try await clock.sleep(Self.tick)
                let token = notes.begin(number, at: clock.now())
                let answer = try await queue.resolve(token: token, .success([UInt8(ascii: "1")]))
                guard answer == .resolved else { throw BenchFailure.tooSlow(.zero) }
            }
            try await reach(notes.done)
        }
        return notes.histogram
    }

    /// Serves sagas that sleep, until none is left, and counts in Redis how often each goes on, and which did too early: for whoever
    /// ends workers and the server meanwhile.
    ///
    /// - Parameter sagas: how many are added first.
    package func sleepers(_ sagas: Int, for nap: Duration) async throws -> Histogram {
        let notes = Notes(0)
        try await enqueue(sagas)
        let handler = Counting(notes: notes, nap: nap, redis: queue.pond.makeReader())
        try await serve(handler) { [self] in
            while case let depth = try await queue.depth(), depth.waiting + depth.ready + depth.inFlight > 0 {
                try await clock.sleep(.seconds(1))
            }
        }
        return notes.histogram
    }

    // MARK: What is around it

    private func enqueue(_ sagas: Int) async throws {
        for first in stride(from: 0, to: sagas, by: Limits.enqueueBatchMax) {
            let batch = (first..<min(first + Limits.enqueueBatchMax, sagas)).map { BenchPayload.job($0) }
            for answer in try await queue.enqueue(batch) { _ = try answer.get() }
        }
    }

    private func reach(_ count: JobCount) async throws {
        if await count.reached.wait(atMost: Self.patience, clock) { throw BenchFailure.tooSlow(Self.patience) }
    }

    private func untilWaiting(_ sagas: Int) async throws {
        let deadline = clock.now() + Self.patience
        while try await queue.depth().waiting < sagas {
            guard clock.now() < deadline else { throw BenchFailure.tooSlow(Self.patience) }
            try await clock.sleep(.milliseconds(10))
        }
    }

    /// Runs a worker for as long as something is measured.
    private func serve<Value: Sendable>(
        _ handler: some JobHandler,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let ready = WakeSignal()
        var configuration = WorkerConfiguration(queues: [queue.name.text])
        configuration.slots = slots
        let jobs = JobList { JobRegistration(handler) }
        let worker = try Worker(queue.pond, jobs: jobs, configuration: configuration, clock: clock) { ready.ring() }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await worker.run()
                return nil
            }
            group.addTask {
                defer { worker.drain() }
                if await ready.wait(atMost: Self.patience, clock) { throw BenchFailure.tooSlow(Self.patience) }
                return try await body()
            }
            var value: Value?
            while let part = try await group.next() { value = part ?? value }
            guard let value else { throw BenchFailure.tooSlow(Self.patience) }
            return value
        }
    }
}

extension SagaBench {
    /// When each saga was to go on, and how late that was.
    fileprivate final class Notes: Sendable {
        private struct State {
            var due: [LocalInstant?]
            var tokens: [String]
            var histogram = Histogram()
        }

        let done: JobCount
        private let state: Mutex<State>

        init(_ sagas: Int) {
            done = JobCount(goal: sagas)
            state = Mutex(
                State(
                    due: Array(repeating: nil, count: sagas),
                    tokens: Array(repeating: "", count: sagas)
                )
            )
        }

        var histogram: Histogram { state.withLock { $0.histogram } }

        /// The first time that is said counts.
        func expect(_ number: Int, at time: LocalInstant) { state.withLock { $0.due[number] = $0.due[number] ?? time } }

        func give(_ token: String, to number: Int) { state.withLock { $0.tokens[number] = token } }

        func begin(_ number: Int, at now: LocalInstant) -> String {
            state.withLock { state in
                state.due[number] = now
                return state.tokens[number]
            }
        }

        func note(_ late: Duration) { state.withLock { $0.histogram.note(late) } }

        func goOn(_ number: Int, at now: LocalInstant) {
            state.withLock { state in
                if let due = state.due[number] { state.histogram.note(due.duration(to: now)) }
            }
            done.note()
        }
    }

    fileprivate struct Stepping: JobHandler {
        static let kind = BenchPayload.kind
        let done: JobCount

        func run(_ payload: RawPayload, _ job: JobContext) async throws {
            for number in 0..<SagaBench.stepsEach { _ = try await job.step("step-\(number)") { _ in number } }
            done.note()
        }
    }

    fileprivate struct Parking: JobHandler {
        static let kind = BenchPayload.kind
        /// 200 bytes as JSON.
        private static let result = String(repeating: "r", count: 198)

        func run(_ payload: RawPayload, _ job: JobContext) async throws {
            for number in 0..<5 {
                _ = try await job.step("step-\(number)") { _ in
                    Self.result
                } undo: { _, _ in
                }
            }
            let _: Int = try await job.signal("go")
        }
    }

    fileprivate struct Sleeping: JobHandler {
        static let kind = BenchPayload.kind
        let notes: Notes
        let count: Int
        let span: Duration
        let clock: LocalClock

        func run(_ payload: BenchPayload, _ job: JobContext) async throws {
            // More than what is waited in the slot.
            let nap = Duration.milliseconds(1_500) + span * payload.n / count
            notes.expect(payload.n, at: clock.now() + nap)
            try await job.sleep("nap", for: nap)
            notes.goOn(payload.n, at: clock.now())
        }
    }

    fileprivate struct Asking: JobHandler {
        static let kind = BenchPayload.kind
        let notes: Notes
        let clock: LocalClock

        func run(_ payload: BenchPayload, _ job: JobContext) async throws {
            let notes = notes
            let _: Int = try await job.callback("ask") { step in notes.give(step.token, to: payload.n) }
            notes.goOn(payload.n, at: clock.now())
        }
    }

    fileprivate struct Counting: JobHandler {
        static let kind = BenchPayload.kind
        let notes: Notes
        let nap: Duration
        let redis: RedisClient

        func run(_ payload: RawPayload, _ job: JobContext) async throws {
            let (nap, redis) = (nap, redis)
            let due = try await job.step("due") { _ in try await Self.time(of: redis) + nap.wholeMilliseconds }
            try await job.sleep("nap", for: nap)
            let late = try await Self.time(of: redis) - due
            _ = try await redis.send(RedisCommand("HINCRBY", "woken", .text(job.id.text), 1))
            if late < 0 {
                _ = try await redis.send(RedisCommand("HSET", "early", .text(job.id.text), .integer(late)))
            }
            notes.note(.milliseconds(late))
        }

        /// Redis' time, which a timer goes by.
        private static func time(of redis: RedisClient) async throws -> Int64 {
            let parts = try await redis.send(RedisCommand("TIME")).array ?? []
            guard parts.count == 2, let seconds = parts[0].int, let micros = parts[1].int else { return 0 }
            return seconds * 1_000 + micros / 1_000
        }
    }
}
