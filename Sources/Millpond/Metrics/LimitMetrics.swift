import Logging
import PondCore
import PondQueue
import PondTelemetry
import Synchronization

/// What is told of limits: what each let go, held back and learned, and what it holds back in which queue.
///
/// It is one call for all limits, and one more a queue that has jobs held back, so it is read at a slower pace than sizes.
/// Labels are what somebody has set: of a family its own name, never those of its members, which anybody can make up.
final class LimitMetrics: Sendable {
    private struct State {
        var lastRead: LocalInstant?
        var readings: [GaugeSet.Reading] = []
    }

    private let pond: Pond
    private let clock: LocalClock
    private let logger: Logger
    private let state = Mutex(State())
    /// How long what was read is told again.
    static let pace = Duration.seconds(15)
    /// Limits that have series of their own; what others hold back counts as `other`.
    static let limitsMax = 100

    init(pond: Pond, clock: LocalClock, logger: Logger) {
        self.pond = pond
        self.clock = clock
        self.logger = logger
    }

    /// What is to be told, when queues could be measured just now.
    func readings(of depths: [String: Depth]) async -> [GaugeSet.Reading] {
        guard !depths.isEmpty else {
            state.withLock { $0 = State() }
            return []
        }
        if isDue() {
            let readings = await read(depths)
            state.withLock { $0.readings = readings }
        }
        return state.withLock(\.readings)
    }

    private func isDue() -> Bool {
        let now = clock.now()
        return state.withLock { state in
            if let last = state.lastRead, last.duration(to: now) < Self.pace { return false }
            state.lastRead = now
            return true
        }
    }

    private func read(_ depths: [String: Depth]) async -> [GaugeSet.Reading] {
        do {
            let limits = try await pond.limits.list()
            var lanes: [String: [LimitLanes.Lane]] = [:]
            for (name, depth) in depths where depth.limited > 0 {
                lanes[name] = try await pond.queue(name).limitLanes().lanes
            }
            return Self.readings(limits, lanes)
        } catch {
            logger.warning("the limits are missing in the metrics", metadata: ["error": "\(error)"])
            return []
        }
    }

    /// The gauges of some limits, and of what waits for them by queue.
    static func readings(_ limits: [NamedLimit], _ lanes: [String: [LimitLanes.Lane]]) -> [GaugeSet.Reading] {
        // Those that did something first: the bound is for deployments with more limits than a person would set.
        let told = limits.sorted { ($1.admitted + $1.refused, $0.name) < ($0.admitted + $0.refused, $1.name) }
            .prefix(limitsMax)
        let names = Set(told.map(\.name))
        var held: [[String]: Int] = [:]
        for (queue, lanes) in lanes {
            for lane in lanes {
                let label = LimitName.definer(of: lane.blockedBy, among: names.contains) ?? Metric.otherValue
                held[[queue, label], default: 0] += lane.waiting
            }
        }
        return told.flatMap(\.readings)
            + held.map { GaugeSet.Reading(.limitedJobs, of: $0.key, value: Double($0.value)) }
    }
}

extension NamedLimit {
    fileprivate var readings: [GaugeSet.Reading] {
        [
            .init(.limitJobs, name, "admitted", value: Double(admitted)),
            .init(.limitJobs, name, "refused", value: Double(refused)),
            .init(.limitJobs, name, "failed", value: Double(failed)),
            .init(.limitRunning, name, value: Double(running)),
            .init(.limitLearned, name, value: Double(learned) / 1_000),
        ] + State.allCases.map { .init(.limitState, name, $0.rawValue, value: state == $0 ? 1 : 0) }
    }
}
