import Logging
import PondCore
import PondQueue
import PondRedis

/// All that a worker does for one queue: five parts, a loop each, that share the queue and know each other one way only.
///
///     Heartbeat ─→ Fetcher ─→ (the intake, the slots) ─→ Settler
///         └────────→ Maintenance ←─┘
///
/// They run on an event loop, not on the thread pool that handlers share, and so go on when handlers block.
final class QueueLine: Sendable {
    let served: ServedQueue
    let fetcher: Fetcher
    let heartbeat: Heartbeat
    private let maintenance: Maintenance
    private let measures: Measures

    init(_ served: ServedQueue) {
        self.served = served
        maintenance = Maintenance(served)
        fetcher = Fetcher(served, maintenance)
        heartbeat = Heartbeat(served, fetcher, maintenance)
        measures = Measures(served: served)
    }

    /// Starts its loops, which end when their tasks are cancelled, fetching when the worker stops.
    ///
    /// - Parameters:
    ///   - about: what the worker is and does now, as JSON.
    ///   - onOpen: called once, when the queue is served.
    ///   - onRoom: called when jobs have ended.
    func start(
        in group: inout TaskGroup<Void>,
        about: @escaping @Sendable () -> String,
        onOpen: @escaping @Sendable () -> Void,
        onRoom: @escaping @Sendable () -> Void
    ) {
        group.addTask { await self.heartbeat.run(about: about) }
        group.addTask { await self.fetcher.run(onOpen: onOpen) }
        group.addTask { await self.maintenance.run() }
        group.addTask { await self.served.keys.run() }
        group.addTask { await self.served.limits.run() }
        group.addTask { await self.served.budgets.run() }
        group.addTask { await self.measures.run() }
        group.addTask {
            await self.served.settler.run { ended in
                self.served.forget(ended.entries)
                if let due = ended.nextDue { self.maintenance.noteHeld(until: due) }
                onRoom()
            }
        }
    }

    /// Looks again, and says so at once: the worker stops.
    func hearStop() {
        served.wakeFetcher()
        heartbeat.beatNow()
    }

    /// Leaves the queue.
    func leave() async {
        await sayGoodbye()
        await fetcher.close()
    }

    private func sayGoodbye() async {
        guard served.queue.pond.isConnected, !heartbeat.mayArriveLate else {
            served.logger.warning("redis does not answer, so the worker cannot say goodbye; its lease runs out instead")
            return
        }
        do throws(QueueError) {
            await measures.tell()
            CrashPoint.beforeLeave.reach()
            if try await !served.queue.leave(as: served.worker.consumer, wakeUp: fetcher.wakeUp) {
                served.logger.warning(
                    "worker leaves with jobs in flight; others take them over when its lease has run out"
                )
            }
        } catch {
            served.logger.warning(
                "worker cannot say goodbye; its lease runs out instead",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
