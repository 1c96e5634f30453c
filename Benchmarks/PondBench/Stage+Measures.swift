import PondBenchKit
import PondCore
import PondQueue
import PondRedis

extension Stage {
    /// Lets one pinned worker drain the queue.
    func drain(_ handling: String, slots: Int, jobs: Int, beside floor: Pace) async throws -> Sample {
        let cpu = try await serverCPU()
        let ours: DrainFigures = try await client(
            "drain",
            ["--jobs", "\(jobs)", "--slots", "\(slots)", "--handling", handling]
        )
        return Sample(
            ours: ours.pace.perSecond,
            floor: floor.perSecond,
            extras: [
                "worker_cpu_us": ours.cpuSeconds / Double(jobs) * 1e6,
                "redis_cpu_us": (try await serverCPU() - cpu) / Double(jobs) * 1e6,
                "rss_mb": Double(ours.residentBytes) / 1e6,
            ]
        )
    }

    /// Handlers that wait a millisecond each, beside as many a second as that leaves room for.
    func drainWaiting(slots: Int) async throws -> Sample {
        let jobs = Int(sizes.waitSeconds * 1_000) * min(slots, 50)
        let timers: Pace = try await client("timers", ["--jobs", "\(jobs)", "--tasks", "\(slots)"])
        try await fill(jobs)
        let ours: DrainFigures = try await client(
            "drain",
            ["--jobs", "\(jobs)", "--slots", "\(slots)", "--handling", "waiting"]
        )
        return Sample(
            ours: ours.pace.perSecond,
            floor: Double(slots) * 1_000,
            extras: ["timers_alone": timers.perSecond, "worker_cpu_us": ours.cpuSeconds / Double(jobs) * 1e6]
        )
    }

    /// Two workers with nothing pinned, beside the better of one that is pinned and one that is free.
    func drainTogether() async throws -> Sample {
        let jobs = sizes.drain
        try await fill(jobs)
        let pinned: DrainFigures = try await client("drain-all", ["--slots", "10"])
        try await server.move(to: nil)
        try await fill(jobs)
        let free: DrainFigures = try await client("drain-all", ["--slots", "10"], pinned: false)
        try await fill(2 * jobs)
        async let first: DrainFigures = client("drain-all", ["--slots", "10"], pinned: false)
        async let second: DrainFigures = client("drain-all", ["--slots", "10"], pinned: false)
        let both = try await [first, second]
        try await server.move(to: .server)
        let started = both.map(\.started).min() ?? both[0].started
        let ended = both.map(\.ended).max() ?? both[0].ended
        return Sample(
            ours: Double(2 * jobs) / started.duration(to: ended).inSeconds,
            floor: max(pinned.pace.perSecond, free.pace.perSecond),
            extras: ["one_pinned": pinned.pace.perSecond, "one_free": free.pace.perSecond]
        )
    }

    /// What Redis spends on a job that is enqueued in bulk and drained.
    func redisCPU() async throws -> Sample {
        let start = try await serverCPU()
        _ = try await floorDrain()
        let middle = try await serverCPU()
        let calls = try await commandCalls()
        let _: Pace = try await client("enqueue-many", ["--jobs", "\(sizes.drain)"])
        let _: DrainFigures = try await client("drain", ["--jobs", "\(sizes.drain)", "--slots", "10"])
        let end = try await serverCPU()
        let now = try await commandCalls()
        var extras: [String: Double] = [:]
        for (command, count) in now {
            let perJob = (count - (calls[command] ?? 0)) / Double(sizes.drain)
            if perJob >= 0.001 { extras["calls_\(command)"] = perJob }
        }
        return Sample(
            ours: (end - middle) / Double(sizes.drain) * 1e6,
            floor: (middle - start) / Double(sizes.many) * 1e6,
            extras: extras
        )
    }

    /// One part of the latency of an idle worker, beside that of a thread that waits for the same entry in C.
    func idleLatency(
        _ part: KeyPath<LatencyFigures, Double>,
        _ floorPart: KeyPath<WakeFigures, Double>
    ) async throws -> Sample {
        let floor: WakeFigures = try await floor("wake", jobs: sizes.idle)
        let ours: LatencyFigures = try await client("latency-idle", ["--jobs", "\(sizes.idle)"])
        return Sample(ours: ours[keyPath: part], floor: floor[keyPath: floorPart], extras: ours.extras)
    }

    /// The latency at half of the rate at which a worker drains right now.
    func loadedLatency() async throws -> Sample {
        try await fill(sizes.drain)
        let drain: DrainFigures = try await client("drain", ["--jobs", "\(sizes.drain)", "--handling", "decoded"])
        let rate = drain.pace.perSecond / 2
        let ours: LatencyFigures = try await client(
            "latency-loaded",
            ["--jobs", "\(Int(rate * sizes.loadSeconds))", "--rate", "\(rate)"]
        )
        return Sample(ours: ours.p99, floor: nil, extras: ours.extras.merging(["rate": rate]) { $1 })
    }

    // MARK: Memory

    func bytesWaiting() async throws -> Sample {
        let empty = try await serverBytes()
        let _: Pace = try await floor("pipelined", jobs: sizes.memory)
        let bare = try await serverBytes() - empty
        try await clear()
        let before = try await serverBytes()
        let _: Pace = try await client("enqueue-many", ["--jobs", "\(sizes.memory)"])
        let ours = try await serverBytes() - before
        return Sample(ours: ours / Double(sizes.memory), floor: bare / Double(sizes.memory))
    }

    func bytesInFlight() async throws -> Sample {
        let queue = try queue
        _ = try await queue.open()
        let before = try await serverBytes()
        try await fill(sizes.memory)
        let consumer = Consumer("bench")
        var fetched = 0
        while fetched < sizes.memory {
            let count = try await queue.fetch(as: consumer, atMost: min(1_000, sizes.memory - fetched)).deliveries.count
            guard count > 0 else { break }
            fetched += count
        }
        let after = try await serverBytes()
        return Sample(ours: (after - before) / Double(max(1, fetched)), floor: nil)
    }

    func bytesHeld() async throws -> Sample {
        let before = try await serverBytes()
        _ = try await EnqueueBench(try queue).many(sizes.memory) { _ in .after(.seconds(3_600)) }
        return Sample(ours: (try await serverBytes() - before) / Double(sizes.memory), floor: nil)
    }

    // MARK: The process

    /// What a worker has that has run a few jobs, and for long enough to have given back what only its start needed.
    func residentIdle() async throws -> Sample {
        let figures: LatencyFigures = try await client("resident-idle", ["--jobs", "10"])
        return Sample(ours: Double(figures.residentBytes) / 1e6, floor: nil)
    }

    func residentLoaded() async throws -> Sample {
        try await fill(sizes.drain)
        let figures: DrainFigures = try await client(
            "drain",
            ["--jobs", "\(sizes.drain)", "--slots", "100", "--handling", "decoded"]
        )
        return Sample(ours: Double(figures.residentBytes) / 1e6, floor: nil)
    }

    /// From the start of a worker's process to the moment when its first job is settled.
    func firstFetch() async throws -> Sample {
        try await fill(1)
        let started = LocalClock.system.now()
        let figures: DrainFigures = try await client("drain", ["--jobs", "1"])
        return Sample(ours: started.duration(to: figures.ended).inSeconds * 1e3, floor: nil)
    }
}
