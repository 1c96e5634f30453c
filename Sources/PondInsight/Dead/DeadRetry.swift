package import PondCore
package import PondQueue

/// Sends many dead jobs back in stages (a handful, a tenth, the rest), and stops when too many of them fail again.
///
/// Nothing is kept beside the dead themselves: a retry that was stopped, or killed, is gone on with by starting it again.
package struct DeadRetry: Sendable {
    /// How careful it is.
    package struct Policy: Sendable, Hashable {
        /// How many jobs are tried first; 0 sends all at once.
        ///
        /// Defaults to 5.
        package var canary = 5
        /// Which part of all is tried next.
        ///
        /// Defaults to a tenth.
        package var tenth = 0.1
        /// Stops when a larger part of those tried fails again.
        ///
        /// Defaults to a fifth.
        package var stopAt = 0.2
        /// The most jobs a second; nil for as fast as it goes.
        package var rate: Double?
        /// How long the jobs of a stage may take to show whether they fail again.
        ///
        /// Defaults to five minutes.
        package var patience = Duration.seconds(300)
        /// How often it is looked at them.
        ///
        /// Defaults to a quarter of a second.
        package var interval = Duration.milliseconds(250)

        package init() {}
    }

    /// How far it is.
    package struct Progress: Sendable, Hashable {
        /// Jobs in all.
        package var planned = 0
        /// Jobs that were sent back.
        package var revived = 0
        /// Of those, what has ended and is not dead.
        package var succeeded = 0
        /// Of those, what is dead again, or waits after another failure.
        package var failed = 0
        /// Jobs that cannot run, with the first reasons.
        package var refused = 0
        /// The first twenty reasons.
        package var refusals: [String] = []
        /// Jobs that were dead no more when their turn came.
        package var gone = 0
        /// The stage, from 1.
        package var stage = 1
        /// How many stages there are.
        package var stages = 1

        /// Of those sent back, what is still under way.
        package var open: Int { max(0, revived - succeeded - failed) }
    }

    /// Why it ended.
    package enum End: Sendable, Hashable {
        /// All were sent back, and not too many failed.
        case finished
        /// Too many failed again.
        case stopped
        /// It is not known yet how the jobs of a stage end.
        case undecided
    }

    private let parts: [DeadPart]
    private let policy: Policy
    private let clock: LocalClock
    /// Sends a batch back.
    private let revive: @Sendable (Queue, [JobID]) async throws -> [ReviveAnswer]

    /// - Parameter revive: how a batch is sent back. Defaults to a revival.
    package init(
        _ parts: [DeadPart],
        policy: Policy = Policy(),
        clock: LocalClock = .system,
        revive: @escaping @Sendable (Queue, [JobID]) async throws -> [ReviveAnswer] = { try await $0.revive($1) }
    ) {
        self.parts = parts
        self.policy = policy
        self.clock = clock
        self.revive = revive
    }

    /// Does it.
    ///
    /// - Parameter tell: told how far it is, after each batch and each look.
    package func run(_ tell: (Progress) -> Void = { _ in }) async throws -> (end: End, progress: Progress) {
        var run = Run(progress: Progress())
        var rest = parts.flatMap { part in part.ids.map { Job(queue: part.queue, id: $0) } }[...]
        run.progress.planned = rest.count
        let stages = sizes(of: rest.count)
        run.progress.stages = stages.count
        for (number, size) in stages.enumerated() {
            run.progress.stage = number + 1
            let stage = rest.prefix(size)
            rest = rest.dropFirst(size)
            run.beginStage()
            if try await send(stage, &run, tell) { return (.stopped, run.progress) }
            // Without a canary nobody asked how they end.
            guard policy.canary > 0 else { continue }
            if let end = try await watch(&run, tell) { return (end, run.progress) }
        }
        return (.finished, run.progress)
    }

    /// How many jobs each stage has.
    private func sizes(of count: Int) -> [Int] {
        guard policy.canary > 0 else { return [count] }
        let first = min(policy.canary, count)
        let second = max(0, min(count - first, Int((Double(count) * policy.tenth).rounded(.up))))
        return [first, second, count - first - second].filter { $0 > 0 }
    }

    /// - Returns: whether too many have failed meanwhile.
    private func send(_ jobs: ArraySlice<Job>, _ run: inout Run, _ tell: (Progress) -> Void) async throws -> Bool {
        var rest = jobs
        let most = policy.rate.map { max(1, min(Limits.deadBatchMax, Int($0))) } ?? Limits.deadBatchMax
        while let queue = rest.first?.queue {
            try Task.checkCancellation()
            let batch = rest.prefix(most).prefix { $0.queue.name == queue.name }
            rest = rest.dropFirst(batch.count)
            run.note(Array(batch), try await revive(queue, batch.map(\.id)))
            // By when they had been sent: a call that was long on its way must not have the next one right behind it.
            let sent = clock.now()
            tell(run.progress)
            if policy.canary > 0 {
                try await look(&run)
                tell(run.progress)
                if run.hasFailed(moreThan: policy.stopAt) { return true }
            }
            guard let rate = policy.rate, !rest.isEmpty else { continue }
            try await clock.sleep(.seconds(Double(batch.count) / rate) - sent.duration(to: clock.now()))
        }
        return false
    }

    /// Waits until it is known how the jobs of the stage end.
    ///
    /// - Returns: why the retry ends here; nil when it goes on.
    private func watch(_ run: inout Run, _ tell: (Progress) -> Void) async throws -> End? {
        let deadline = clock.now().advanced(by: policy.patience)
        while true {
            try await look(&run)
            tell(run.progress)
            // What has failed counts, even if all others succeed.
            if run.hasCertainlyFailed(moreThan: policy.stopAt) { return .stopped }
            if run.open.isEmpty { return nil }
            guard clock.now() < deadline else { return .undecided }
            try await clock.sleep(policy.interval)
        }
    }

    /// Looks at the oldest that are under way.
    private func look(_ run: inout Run) async throws {
        var looked = run.open.prefix(Run.lookedAtMax)
        let rest = run.open.dropFirst(looked.count)
        var left: [Job] = []
        while let queue = looked.first?.queue {
            let batch = looked.prefix(Limits.deadBatchMax).prefix { $0.queue.name == queue.name }
            looked = looked.dropFirst(batch.count)
            for (job, fate) in zip(batch, try await queue.fates(of: batch.map(\.id))) {
                switch fate {
                case .open: left.append(job)
                case .ended: run.noteSuccess()
                case .failed: run.noteFailure()
                }
            }
        }
        run.open = left + rest
    }
}

extension DeadRetry {
    fileprivate struct Job: Sendable {
        let queue: Queue
        let id: JobID
    }

    /// What is known of the jobs that were sent back.
    fileprivate struct Run {
        /// A look costs Redis some microseconds a job.
        static let lookedAtMax = 1_024
        /// A part of fewer says little while a stage goes on.
        private static let decidedMin = 20

        var progress: Progress
        /// Under way, the oldest first.
        var open: [Job] = []
        private var stageRevived = 0
        private var stageFailed = 0
        private var stageSucceeded = 0

        init(progress: Progress) {
            self.progress = progress
        }

        mutating func beginStage() {
            (stageRevived, stageFailed, stageSucceeded) = (0, 0, 0)
        }

        mutating func note(_ jobs: [Job], _ answers: [ReviveAnswer]) {
            for (job, answer) in zip(jobs, answers) {
                switch answer {
                case .enqueued:
                    progress.revived += 1
                    stageRevived += 1
                    open.append(job)
                case .unknown: progress.gone += 1
                case .refused(let why):
                    progress.refused += 1
                    if progress.refusals.count < 20 { progress.refusals.append("\(job.queue.name)/\(job.id): \(why)") }
                }
            }
        }

        mutating func noteSuccess() {
            progress.succeeded += 1
            stageSucceeded += 1
        }

        mutating func noteFailure() {
            progress.failed += 1
            stageFailed += 1
        }

        /// Of those of the stage that have shown how they end.
        func hasFailed(moreThan part: Double) -> Bool {
            let decided = stageFailed + stageSucceeded
            return decided >= Self.decidedMin && Double(stageFailed) > part * Double(decided)
        }

        /// Of all of the stage, or of those decided where they are many.
        func hasCertainlyFailed(moreThan part: Double) -> Bool {
            hasFailed(moreThan: part) || stageFailed > 0 && Double(stageFailed) > part * Double(stageRevived)
        }
    }
}
