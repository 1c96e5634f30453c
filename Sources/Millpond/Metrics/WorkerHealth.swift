import PondCore
package import PondWorker
import Synchronization

/// The health of a worker process: what its heartbeats say, which only succeed on a primary that has the functions.
package final class WorkerHealth: Sendable {
    private let worker = Mutex<Worker?>(nil)
    private let isServing = Mutex(false)
    private let clock: LocalClock
    private let started: LocalInstant

    /// That of a worker which does not exist yet.
    package init(clock: LocalClock = .system) {
        self.clock = clock
        started = clock.now()
    }

    /// The worker exists.
    package func watch(_ worker: Worker) { self.worker.withLock { $0 = worker } }

    /// Every queue is served.
    package func serves() { isServing.withLock { $0 = true } }

    /// What the probes are told.
    package var health: Health { Health(stuck: { self.stuck }, unready: { self.unready }) }

    private var stuck: [Health.Cause] {
        // Handlers may take their time to be made: nothing is late before there is a worker.
        guard let worker = worker.withLock({ $0 }) else { return [] }
        let now = clock.now()
        return worker.pulse.beats.sorted { $0.key < $1.key }.compactMap { queue, beats in
            let age = (beats.tried ?? started).duration(to: now)
            guard age > HealthLimits.beatAge else { return nil }
            return .init("heartbeat", "no heartbeat for queue \(queue) was tried for \(age.human): the worker hangs")
        }
    }

    private var unready: [Health.Cause] {
        guard let worker = worker.withLock({ $0 }) else { return [.init("starting", "the handlers are being made")] }
        if worker.isStopping { return [.init("stopping", "the worker takes no more jobs and ends")] }
        let now = clock.now()
        let causes = worker.pulse.beats.sorted { $0.key < $1.key }.compactMap { queue, beats -> Health.Cause? in
            let why = beats.failure.map { ": \($0)" } ?? ""
            guard let succeeded = beats.succeeded else {
                return .init("redis", "no heartbeat for queue \(queue) has succeeded yet\(why)")
            }
            let age = succeeded.duration(to: now)
            // One that fails has a cause at once; one that hangs has none, but grows old.
            guard age > worker.lease || beats.failure != nil else { return nil }
            return .init("redis", "the last heartbeat for queue \(queue) succeeded \(age.human) ago\(why)")
        }
        guard causes.isEmpty, !isServing.withLock({ $0 }) else { return causes }
        return [.init("starting", "not every queue is served yet")]
    }
}
