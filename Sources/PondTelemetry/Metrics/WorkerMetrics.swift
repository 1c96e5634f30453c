import CoreMetrics
package import PondCore

/// What a worker counts of one queue; there is none when nobody listens.
package struct WorkerMetrics: Sendable {
    private struct Kind: Sendable {
        let started: Counter
        let run: Timer
        let attempts: Recorder
        let finished: [Counter]
    }

    private let kinds: [Kind]
    /// The label of each kind, by its place.
    private let labels: [String]
    /// What is counted of its sagas.
    package let sagas: SagaMetrics
    /// By class, in the order of its cases.
    private let waits: [Timer]
    private let totals: [Timer]
    private let lost: Counter
    private let reclaimed: Counter
    private let slots: Meter
    private let busySlots: Meter
    private let braked: Meter
    private static let classes = JobClass.allCases

    /// The metrics of a queue.
    ///
    /// - Parameter kinds: the labels of the registered kinds, by their place in the registry.
    /// - Returns: nil when nobody has set a metrics system up.
    package static func ifWanted(_ queue: String, kinds: [String]) -> WorkerMetrics? {
        Metric.isAnybodyListening ? WorkerMetrics(queue, kinds: kinds) : nil
    }

    private init(_ queue: String, kinds: [String]) {
        labels = kinds + [Metric.otherValue]
        sagas = SagaMetrics(queue: queue)
        self.kinds = labels.map { kind in
            Kind(
                started: Metric.jobsStarted.counter(queue, kind),
                run: Metric.jobRun.timer(queue, kind),
                attempts: Metric.jobAttempts.recorder(queue, kind),
                finished: Outcome.Count.allCases.map { Metric.jobsFinished.counter(queue, kind, $0.label) }
            )
        }
        waits = Self.classes.map { Metric.jobWait.timer(queue, $0.rawValue) }
        totals = Self.classes.map { Metric.jobTotal.timer(queue, $0.rawValue) }
        lost = Metric.leaseLost.counter(queue)
        reclaimed = Metric.leasesReclaimed.counter(queue)
        slots = Metric.workerSlots.gauge(queue)
        busySlots = Metric.workerBusySlots.gauge(queue)
        braked = Metric.workerBraked.gauge(queue)
    }

    /// The label of a kind.
    package func label(of kind: Int) -> String { labels[kind] }

    /// A handler begins.
    ///
    /// - Parameters:
    ///   - kind: the place of the job's kind.
    ///   - wait: how long the job was ready; nil when Redis' clock is not known yet.
    package func began(_ kind: Int, _ jobClass: JobClass?, wait: Duration?) {
        kinds[kind].started.increment()
        guard let wait, let place = Self.place(of: jobClass) else { return }
        waits[place].record(max(.zero, wait))
    }

    /// B is what a job without a class has.
    private static func place(of jobClass: JobClass?) -> Int? { classes.firstIndex(of: jobClass ?? .b) }

    /// A handler has ended.
    package func ran(_ kind: Int, for time: Duration) {
        kinds[kind].run.record(time)
    }

    /// A try has ended, or a job without one.
    ///
    /// - Parameter kind: the place of the job's kind; nil for one that nobody here knows.
    package func ended(_ kind: Int?, _ outcome: Outcome.Count) {
        kinds[kind ?? kinds.count - 1].finished[outcome.rawValue].increment()
    }

    /// A job is done or dead.
    ///
    /// - Parameters:
    ///   - kind: the place of the job's kind.
    ///   - total: since its first enqueue; nil when Redis' clock is not known.
    ///   - attempts: its tries, this one included.
    package func closed(_ kind: Int, _ jobClass: JobClass?, total: Duration?, attempts: Int) {
        kinds[kind].attempts.record(attempts)
        guard let total, let place = Self.place(of: jobClass) else { return }
        totals[place].record(max(.zero, total))
    }

    /// A result came too late.
    package func lostLease() { lost.increment() }

    /// Jobs were taken over from a worker that is gone.
    package func tookOver(_ jobs: Int) { reclaimed.increment(by: jobs) }

    /// How many handlers can run, and do.
    ///
    /// - Parameter isBraked: whether it has stopped fetching by itself.
    package func busy(_ running: Int, of slots: Int, isBraked: Bool) {
        self.slots.set(slots)
        busySlots.set(running)
        braked.set(isBraked ? 1 : 0)
    }

    /// Tells how long calls to Redis took; nil when nobody has set a metrics system up.
    package static var callObserver: (@Sendable (_ script: String, _ took: Duration) -> Void)? {
        guard Metric.isAnybodyListening else { return nil }
        let timers = CallTimers()
        return { timers.record($0, $1) }
    }
}
