import PondCore
import PondQueue
import PondSupervisor
import Synchronization

/// The health of a supervisor: whether it moves, whether workers are ready, and what Redis says.
final class FleetHealth: Sendable {
    private let redis: RedisProbe
    private let stopSwitch: StopSwitch
    private let workers: @Sendable () -> [String: [SlotStatus]]
    private let answers: @Sendable () async -> Bool

    /// - Parameters:
    ///   - workers: those of this supervisor, by queue.
    ///   - answers: whether the supervision moves.
    init(
        _ pond: Pond,
        _ stopSwitch: StopSwitch,
        workers: @escaping @Sendable () -> [String: [SlotStatus]],
        answers: @escaping @Sendable () async -> Bool
    ) {
        redis = RedisProbe(pond)
        self.stopSwitch = stopSwitch
        self.workers = workers
        self.answers = answers
    }

    var health: Health {
        Health(
            stuck: {
                await self.answers() ? [] : [.init("supervisor", "the supervision does not answer: it hangs")]
            },
            unready: { await self.unready() }
        )
    }

    private func unready() async -> [Health.Cause] {
        if stopSwitch.isStopping { return [.init("stopping", "the fleet is stopping")] }
        let lame = workers().sorted { $0.key < $1.key }.compactMap { FleetHealth.cause($0.key, $0.value) }
        return lame + (await redis.cause().map { [$0] } ?? [])
    }

    /// Why no worker of a queue is ready, though there should be some.
    static func cause(_ queue: String, _ statuses: [SlotStatus]) -> Health.Cause? {
        guard !statuses.isEmpty, !statuses.contains(where: { $0.state == .ready }) else { return nil }
        let states = SlotStatus.State.allCases.compactMap { state -> String? in
            let count = statuses.count { $0.state == state }
            return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        let exit = statuses.compactMap(\.lastExit).last.map { "; the last one ended with \($0)" } ?? ""
        let name = queue.isEmpty ? "" : " for queue \(queue)"
        return .init("workers", "no worker\(name) is ready: \(states.joined(separator: ", "))\(exit)")
    }
}

/// Asks Redis whether jobs can be worked on, at most once a second.
final class RedisProbe: Sendable {
    private struct Last {
        var at: LocalInstant
        var cause: Health.Cause?
    }

    private let pond: Pond
    private let clock: LocalClock
    private let last = Mutex<Last?>(nil)

    /// - Parameter pond: where it is; a probe has a connection of its own, because one that takes too long closes it.
    init(_ pond: Pond, clock: LocalClock = .system) {
        self.pond = pond.withOwnConnection()
        self.clock = clock
    }

    /// What is wrong; nil when nothing is.
    func cause() async -> Health.Cause? {
        let now = clock.now()
        if let last = last.withLock({ $0 }), last.at.duration(to: now) < HealthLimits.redisFresh { return last.cause }
        let cause = await askInTime()
        let asked = clock.now()
        last.withLock { $0 = Last(at: asked, cause: cause) }
        return cause
    }

    private func askInTime() async -> Health.Cause? {
        await withTaskGroup(of: Health.Cause?.self) { group in
            group.addTask { await self.ask() }
            group.addTask {
                // Cancelled when Redis was faster; then nobody reads this.
                do { try await self.clock.sleep(HealthLimits.redis) } catch { return nil }
                return .init("redis", "Redis did not answer within \(HealthLimits.redis.human)")
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func ask() async -> Health.Cause? {
        do throws(QueueError) {
            if try await pond.isReplica() {
                return .init("redis", "the server is a replica, which takes no writes; name the primary with --redis")
            }
            guard try await pond.libraryVersion() != nil else {
                return .init(
                    "library",
                    "the server has no function library; a worker or `pond functions load` loads it"
                )
            }
            return nil
        } catch {
            return .init("redis", "\(error)")
        }
    }
}
