public import PondCore
import PondRedis

extension Pond: JobSink {
    /// Enqueues jobs of any queues, those of one queue in order.
    ///
    /// A job that its queue cannot take now, or never, stops no other.
    ///
    /// - Throws: `QueueError` when Redis cannot be reached or its library cannot be used; then any of the jobs may or may
    ///   not be enqueued, and those with a key can be shipped again.
    public func ship(_ jobs: [(queue: String, job: NewJob)]) async throws -> [ShipAnswer] {
        var answers = [ShipAnswer?](repeating: nil, count: jobs.count)
        // Each queue's jobs with their places among all.
        var queues: [String: (queue: Queue, places: [Int])] = [:]
        var order: [String] = []
        for (place, (name, job)) in jobs.enumerated() {
            do throws(PondError) {
                _ = try job.fields()
                if queues[name] == nil {
                    queues[name] = (try queue(name), [])
                    order.append(name)
                }
                queues[name]?.places.append(place)
            } catch {
                answers[place] = .refused(error.message)
            }
        }
        for name in order {
            guard let (queue, places) = queues[name] else { continue }
            let results = try await queue.addEachInside(places.map { jobs[$0].job })
            for (place, result) in zip(places, results) { answers[place] = try ShipAnswer(result) }
        }
        return answers.enumerated().map { place, answer in
            guard let answer else {
                preconditionFailure("job \(place) of \(jobs.count) was neither shipped nor refused")
            }
            return answer
        }
    }
}

extension ShipAnswer {
    /// - Throws: what says nothing of the job itself, because it would meet every other job too.
    fileprivate init(_ result: Result<EnqueueAnswer, QueueError>) throws(QueueError) {
        switch result {
        case .success(let answer):
            self = .accepted(answer.id)
        case .failure(let error):
            switch error.code {
            case .invalid, .keyMismatch, .refused: self = .refused(error.message)
            case .queueFull: self = .later(error.message)
            // The server answered for this queue, whose keys may be another program's; other queues may go on.
            case .redis where error.redis?.prefix != nil && !error.outcomeUnknown: self = .later(error.message)
            default: throw error
            }
        }
    }
}
