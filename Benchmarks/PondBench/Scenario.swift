import PondBenchKit

/// Something that is measured.
struct Scenario: Sendable {
    /// As in `drain-raw-10`; also what `--only` looks for.
    let name: String
    let unit: String
    /// Whether the figure is the ratio to the floor, not the value itself.
    var isRatio = true
    var reach: Reach?
    /// Left out of quick runs.
    var isLong = false
    /// Run in the first round only: what hardly varies, and what has rounds of its own.
    var isOnce = false
    /// Whether a file of ratios keeps it; false for what depends on more than the speed of the code and of Redis.
    var isKept = true
    let run: @Sendable (Stage) async throws -> [Sample]

    /// Everything, in the order of the table.
    static let all = enqueueing + draining + waiting + together + latency + footprint + sagas + growth

    private static let enqueueing = [
        enqueueOne("enqueue-one", "enqueue-tasks", reach: .atLeast(0.9)),
        enqueueOne("enqueue-one-pool", "enqueue-tasks-pool", reach: nil),
        enqueueTasks("enqueue-64-tasks", "enqueue-tasks", reach: .atLeast(0.5)),
        enqueueTasks("enqueue-64-tasks-pool", "enqueue-tasks-pool", reach: nil),
        Scenario(name: "enqueue-many", unit: "jobs/s", reach: .atLeast(0.8)) { stage in
            let floor: Pace = try await stage.floor("pipelined", jobs: stage.sizes.many)
            let ours: Pace = try await stage.client("enqueue-many", ["--jobs", "\(stage.sizes.many)"])
            return [Sample(ours: ours.perSecond, floor: floor.perSecond)]
        },
    ]

    /// One task, whose calls each wait for the one before.
    private static func enqueueOne(_ name: String, _ client: String, reach: Reach?) -> Scenario {
        Scenario(name: name, unit: "jobs/s", reach: reach) { stage in
            let floor: Pace = try await stage.floor("one", jobs: stage.sizes.one)
            let ours: Pace = try await stage.client(client, ["--jobs", "\(stage.sizes.one)"])
            return [Sample(ours: ours.perSecond, floor: floor.perSecond)]
        }
    }

    private static func enqueueTasks(_ name: String, _ client: String, reach: Reach?) -> Scenario {
        Scenario(name: name, unit: "jobs/s", reach: reach) { stage in
            let floor: Pace = try await stage.floor("pipelined", jobs: stage.sizes.many)
            let ours: Pace = try await stage.client(client, ["--jobs", "\(stage.sizes.tasks)", "--tasks", "64"])
            return [Sample(ours: ours.perSecond, floor: floor.perSecond)]
        }
    }

    private static let draining =
        [
            drain("raw", slots: 1, reach: nil), drain("raw", slots: 10, reach: 0.8),
            drain("raw", slots: 100, reach: 0.8),
            drain("decoded", slots: 1, reach: nil), drain("decoded", slots: 10, reach: 0.45),
            drain("decoded", slots: 100, reach: 0.45),
        ] + [
            Scenario(name: "drain-keys-10", unit: "jobs/s", reach: .atLeast(0.4)) { stage in
                let floor = try await stage.floorDrain()
                let _: Pace = try await stage.client("enqueue-keys", ["--jobs", "\(stage.sizes.keys)"])
                return [try await stage.drain("raw", slots: 10, jobs: stage.sizes.keys, beside: floor)]
            }
        ]

    private static func drain(_ handling: String, slots: Int, reach: Double?) -> Scenario {
        Scenario(
            name: "drain-\(handling)-\(slots)",
            unit: "jobs/s",
            reach: reach.map { .atLeast($0) }
        ) { stage in
            let jobs = slots == 1 ? stage.sizes.drainOneSlot : stage.sizes.drain
            let floor = try await stage.floorDrain()
            try await stage.fill(jobs)
            return [try await stage.drain(handling, slots: slots, jobs: jobs, beside: floor)]
        }
    }

    /// Handlers that wait a millisecond each; what they could come to at most takes the place of the floor.
    private static let waiting = [1, 10, 100].map { slots in
        Scenario(name: "drain-1ms-\(slots)", unit: "jobs/s", isKept: false) { stage in
            [try await stage.drainWaiting(slots: slots)]
        }
    }

    private static let together = [
        Scenario(name: "drain-2-processes", unit: "jobs/s", reach: .atLeast(0.8)) { stage in
            [try await stage.drainTogether()]
        },
        Scenario(name: "redis-cpu", unit: "us/job", reach: .atMost(1.35)) { stage in [try await stage.redisCPU()] },
    ]

    private static let latency = [
        // Beside C's own: what a thread's waking takes differs from machine to machine, and from hour to hour.
        Scenario(name: "latency-idle-p50", unit: "us", reach: .atMost(1.4), isKept: false) { stage in
            [try await stage.idleLatency(\.p50, \.p50)]
        },
        Scenario(name: "latency-idle-p99", unit: "us", isRatio: false, reach: .atMost(1_000)) { stage in
            [try await stage.idleLatency(\.p99, \.p99)]
        },
        Scenario(name: "latency-half-p99", unit: "us", isRatio: false, reach: .atMost(5_000)) { stage in
            [try await stage.loadedLatency()]
        },
    ]

    private static let footprint = [
        Scenario(name: "bytes-waiting", unit: "bytes/job", reach: .atMost(1.15), isOnce: true) { stage in
            [try await stage.bytesWaiting()]
        },
        Scenario(name: "bytes-in-flight", unit: "bytes/job", isRatio: false, isOnce: true) { stage in
            [try await stage.bytesInFlight()]
        },
        Scenario(name: "bytes-held", unit: "bytes/job", isRatio: false, isOnce: true) { stage in
            [try await stage.bytesHeld()]
        },
        Scenario(name: "rss-idle", unit: "MB", isRatio: false, reach: .atMost(20), isOnce: true) { stage in
            [try await stage.residentIdle()]
        },
        Scenario(name: "rss-loaded", unit: "MB", isRatio: false, reach: .atMost(60), isOnce: true) { stage in
            [try await stage.residentLoaded()]
        },
        Scenario(name: "first-fetch", unit: "ms", isRatio: false, reach: .atMost(100)) { stage in
            [try await stage.firstFetch()]
        },
    ]

    private static let sagas = [
        Scenario(name: "saga-steps", unit: "steps/s", isRatio: false, reach: .atLeast(5_000)) { stage in
            [try await stage.sagaSteps()]
        },
        Scenario(name: "saga-redis-cpu", unit: "us/step", isRatio: false, reach: .atMost(150), isOnce: true) { stage in
            [try await stage.sagaCPU()]
        },
        Scenario(name: "saga-bytes", unit: "bytes/saga", isRatio: false, reach: .atMost(2_560), isOnce: true) { stage in
            [try await stage.sagaBytes()]
        },
        Scenario(name: "saga-timer-p99", unit: "ms", isRatio: false, reach: .atMost(100), isOnce: true) { stage in
            [try await stage.sagaLateness("saga-timers", stage.sizes.waits)]
        },
        Scenario(name: "saga-token-p99", unit: "ms", isRatio: false, reach: .atMost(20), isOnce: true) { stage in
            [try await stage.sagaLateness("saga-tokens", stage.sizes.waits)]
        },
    ]

    private static let growth = [
        Scenario(
            name: "drain-growth",
            unit: "jobs/s",
            reach: .atLeast(0.9),
            isLong: true,
            isOnce: true,
            isKept: false
        ) { stage in try await stage.growth() }
    ]
}
