package import PondCore
import Synchronization

/// What a pool's events tell beyond the moment: how long a worker takes to be ready, and whether its workers keep dying.
package final class PoolWatch: Sendable {
    private struct State {
        var spawned: [Int32: LocalInstant] = [:]
        var spawnSeconds: Double?
        /// Ends that nobody asked for, since a job was ended last.
        var deaths: [LocalInstant] = []
        var jobsEnded = 0
    }

    private let clock: LocalClock
    private let state = Mutex(State())
    /// So many deaths within the window, and no job ended between them, are a crash loop.
    private static let deathsMax = 5
    private static let window = Duration.seconds(60)
    /// How much a new spawn time counts.
    private static let weight = 0.2

    package init(clock: LocalClock) {
        self.clock = clock
    }

    /// Takes an event of the pool's supervisor in.
    package func note(_ event: FleetEvent) {
        let now = clock.now()
        state.withLock { state in
            switch event {
            case .spawned(_, let pid): state.spawned[pid] = now
            case .ready(_, let pid):
                guard let spawned = state.spawned.removeValue(forKey: pid) else { return }
                let seconds = spawned.duration(to: now).inSeconds
                state.spawnSeconds = state.spawnSeconds.map { $0 + PoolWatch.weight * (seconds - $0) } ?? seconds
            case .exited(_, let pid, _, let wasExpected):
                if let pid { state.spawned[pid] = nil }
                if !wasExpected { state.deaths = Array((state.deaths + [now]).suffix(PoolWatch.deathsMax)) }
            default: break
            }
        }
    }

    /// Takes in how many tries the pool's workers have ended: where jobs end, nothing loops.
    package func note(jobsEnded: Int) {
        state.withLock { state in
            if jobsEnded > state.jobsEnded { state.deaths = [] }
            state.jobsEnded = jobsEnded
        }
    }

    /// How long a worker takes from its spawn until it takes jobs, in seconds; nil before one was ready.
    package var spawnSeconds: Double? { state.withLock { $0.spawnSeconds } }

    /// Whether the pool's workers keep ending before a job has ended.
    package var isCrashLooping: Bool {
        let now = clock.now()
        return state.withLock { state in
            state.deaths.count { $0.duration(to: now) < PoolWatch.window } >= PoolWatch.deathsMax
        }
    }
}
