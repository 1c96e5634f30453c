import PondCore
import PondQueue
import PondTelemetry
import Synchronization

/// The times of a queue's jobs that this worker has not told of yet, and what the classes are promised.
///
/// Times are for looking, so those that a worker could not tell before it died are lost; the counters by which promises
/// are judged are written where a job ends, in Redis.
final class SLORecorder: Sendable {
    private struct State {
        /// A count a class, metric and bucket.
        var counts = [UInt32](repeating: 0, count: SLORecorder.size)
        var isEmpty = true
        var promises = SLOPromises.standard
    }

    private static let buckets = ExponentialHistogram.bucketCount
    private static let metrics = SLOMetric.allCases
    private static let size = JobClass.allCases.count * metrics.count * buckets

    private let state = Mutex(State())

    /// What the classes are promised, as the queue last said.
    var promises: SLOPromises {
        get { state.withLock(\.promises) }
        set { state.withLock { $0.promises = newValue } }
    }

    /// Notes the times of a try.
    ///
    /// - Parameters:
    ///   - wait: how long the job had been ready when its first try began; nil for a later try.
    ///   - run: how long the try ran; nil when it says nothing, because it was cut off.
    ///   - total: from enqueue to end; nil for a job that is not done.
    func add(_ jobClass: JobClass, wait: Duration?, run: Duration?, isFailure: Bool, total: Duration?) {
        let first = jobClass.index * Self.metrics.count * Self.buckets
        func place(_ metric: Int, _ duration: Duration) -> Int {
            first + metric * Self.buckets + ExponentialHistogram.bucket(of: duration)
        }
        // Found before the lock is taken: every slot of the worker comes here after each job.
        let places = (wait.map { place(0, $0) }, run.map { place(isFailure ? 2 : 1, $0) }, total.map { place(3, $0) })
        state.withLock { state in
            state.isEmpty = false
            if let place = places.0 { state.counts[place] &+= 1 }
            if let place = places.1 { state.counts[place] &+= 1 }
            if let place = places.2 { state.counts[place] &+= 1 }
        }
    }

    /// Notes the times of a try that has ended.
    func add(_ journalFacts: JournalFacts, _ outcome: Outcome, readySince: ServerTime?) {
        // A job counts once; undoing it is no service to who waited for it.
        guard journalFacts.job.phase == nil else { return }
        let total: Duration?
        if outcome.isDone, let wait = journalFacts.wait, let run = journalFacts.run, let readySince {
            total = readySince.since(journalFacts.job.enqueuedAt) + wait + run
        } else {
            total = nil
        }
        add(
            journalFacts.grade.jobClass,
            // Counted once, though every try has one.
            wait: journalFacts.job.waited == nil ? journalFacts.wait : nil,
            run: outcome.isDone || outcome.traits.isVerdict ? journalFacts.run : nil,
            isFailure: !outcome.isDone,
            total: total
        )
    }

    /// All that was noted since the last call.
    func take() -> [SLOMeasure] {
        var counts: [UInt32] = []
        state.withLock { state in
            guard !state.isEmpty else { return }
            counts = [UInt32](repeating: 0, count: Self.size)
            swap(&counts, &state.counts)
            state.isEmpty = true
        }
        guard !counts.isEmpty else { return [] }
        return JobClass.allCases.flatMap { jobClass in
            Self.metrics.indices.compactMap { metric in
                let first = (jobClass.index * Self.metrics.count + metric) * Self.buckets
                let part = counts[first..<first + Self.buckets]
                guard part.contains(where: { $0 > 0 }) else { return nil }
                return SLOMeasure(jobClass, Self.metrics[metric], ExponentialHistogram(counts: part.map { Int($0) }))
            }
        }
    }

    /// Takes back what could not be told.
    func giveBack(_ measures: [SLOMeasure]) {
        state.withLock { state in
            for measure in measures {
                let metric = Self.metrics.firstIndex(of: measure.metric) ?? 0
                let first = (measure.jobClass.index * Self.metrics.count + metric) * Self.buckets
                for (bucket, count) in measure.histogram.counts.enumerated() {
                    state.counts[first + bucket] &+= UInt32(truncatingIfNeeded: count)
                }
                state.isEmpty = false
            }
        }
    }
}

extension JobClass {
    /// 0 for A to 3 for D.
    fileprivate var index: Int {
        switch self {
        case .a: 0
        case .b: 1
        case .c: 2
        case .d: 3
        }
    }
}
