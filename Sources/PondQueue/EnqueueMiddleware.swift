public import PondCore
import Synchronization

/// What became of a job that was enqueued, or why it was not.
public typealias EnqueueResult = Result<EnqueueAnswer, QueueError>

/// Adds the jobs that it is given, and says what became of each, in order.
public typealias EnqueueNext = @Sendable ([NewJob]) async throws -> [EnqueueResult]

/// What a program does around whatever it enqueues: carry a header on, trace, refuse.
///
/// One given to a `Pond` is around everything that is enqueued through it; one given to a worker as well around the children
/// of its jobs. See `JobMiddleware` and docs/middleware.md.
public protocol EnqueueMiddleware: Sendable {
    /// Around the enqueueing of one job or many: may change them, and does so before `next`; the answers are those of `next`,
    /// one for each job that was given.
    ///
    /// What it throws is the caller's error, as ``QueueError/Code/refused``; without a call of `next` nothing is enqueued.
    func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult]
}

extension EnqueueMiddleware {
    /// Enqueues them as they are.
    public func enqueue(_ jobs: [NewJob], to queue: QueueName, next: EnqueueNext) async throws -> [EnqueueResult] {
        try await next(jobs)
    }
}

extension Queue {
    /// Enqueues one job inside of the pond's middleware.
    nonisolated(nonsending) func addInside(_ job: NewJob) async throws(QueueError) -> EnqueueAnswer {
        let results = try await passing([job]) { jobs in
            guard let job = jobs.first, jobs.count == 1 else { return try await add(jobs) }
            do throws(QueueError) { return [.success(try await add(job))] } catch { return [.failure(error)] }
        }
        return try results[0].get()
    }

    /// Enqueues many jobs inside of the pond's middleware.
    nonisolated(nonsending) func addInside(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueResult] {
        try await passing(jobs) { try await add($0) }
    }

    /// The same; what the middleware refuses of many together is asked for one by one, so that a job which it does not want
    /// stops no other.
    func addEachInside(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueResult] {
        let hasBegun = Mutex(false)
        do throws(QueueError) {
            return try await passing(jobs) { jobs in
                hasBegun.withLock { $0 = true }
                return try await add(jobs)
            }
        } catch {
            // After it was enqueued nobody is to enqueue it again.
            guard error.code == .refused, !hasBegun.withLock({ $0 }) else { throw error }
            if jobs.count == 1 { return [.failure(error)] }
        }
        var results: [EnqueueResult] = []
        for job in jobs {
            do throws(QueueError) { results.append(.success(try await addInside(job))) } catch {
                results.append(.failure(error))
            }
        }
        return results
    }

    nonisolated(nonsending) private func passing(
        _ jobs: [NewJob],
        _ add: EnqueueNext
    ) async throws(QueueError) -> [EnqueueResult] {
        let results: [EnqueueResult]
        do {
            results = try await pass(0, jobs, add)
        } catch let error as QueueError {
            throw error
        } catch {
            throw QueueError(.refused, "a middleware refused the enqueue to \(name): \(error)")
        }
        guard results.count == jobs.count else {
            throw QueueError(
                .refused,
                "a middleware of \(name) answered for \(results.count) jobs, \(jobs.count) were given; return what next returns"
            )
        }
        return results
    }

    private func pass(_ place: Int, _ jobs: [NewJob], _ add: EnqueueNext) async throws -> [EnqueueResult] {
        guard place < pond.middleware.count else { return try await add(jobs) }
        return try await pond.middleware[place].enqueue(jobs, to: name) { try await pass(place + 1, $0, add) }
    }
}
