// Plays a plan of faults. What a fault breaks it repairs at its end, whatever happens in between; `heal` repairs again.

import ChaosKit
import FoundationEssentials
import Glibc
import Millpond

/// Does to a run what the plan says.
struct Nemesis: Sendable {
    let stage: Stage
    let admin: Admin
    let recorder: Recorder
    let clock = LocalClock.system

    /// Plays the whole plan; returns when the last fault is over.
    func play(_ plan: NemesisPlan) async throws {
        let began = clock.now()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for track in FaultKind.Track.allCases {
                let faults = plan.faults.filter { $0.kind.track == track }
                group.addTask { try await play(faults, since: began) }
            }
            try await group.waitForAll()
        }
    }

    private func play(_ faults: [PlannedFault], since began: LocalInstant) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for fault in faults {
                let wait = clock.now().duration(to: began + fault.at)
                if wait > .zero { try await clock.sleep(wait) }
                if fault.kind.track == .workers {
                    // Those may overlap: a worker that is stopped does not keep another from being killed.
                    group.addTask { try await strike(fault) }
                } else {
                    try await strike(fault)
                }
            }
            try await group.waitForAll()
        }
    }

    private func strike(_ fault: PlannedFault) async throws {
        do {
            switch fault.kind.track {
            case .workers: try await strikeWorkers(fault)
            case .redis: try await strikeRedis(fault)
            case .network: try await strikeNetwork(fault)
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            recorder.note(.faultSkipped) { ($0.fault, $0.text) = (fault.kind.rawValue, "\(error)") }
        }
    }

    /// Notes a fault's begin and end around `body`.
    private func during(
        _ fault: PlannedFault,
        _ target: String = "",
        _ body: () async throws -> Void
    ) async throws {
        note(.faultStart, fault, target)
        defer { note(.faultStop, fault, target) }
        try await body()
    }

    private func note(_ kind: EventKind, _ fault: PlannedFault, _ target: String) {
        recorder.note(kind) { ($0.fault, $0.target, $0.n) = (fault.kind.rawValue, target, fault.n) }
    }

    /// Stops everything that still goes on.
    func heal() async throws {
        stage.proxy.set(FaultProxy.Weather())
        for who in ["redis", "workers"] { try ClockShim.turn(stage.place.clock(who), by: 0) }
        stage.resumeAll()
        unlink(ballast)
        try Data().write(to: URL(filePath: "\(stage.place.folder)/healed"))
        if stage.redis?.hasEnded ?? true { try stage.startRedis() }
        try await admin.waitUntilReady()
        try await admin.redis("CONFIG", "SET", "maxmemory", "0")
    }

    private var ballast: String { "\(stage.place.disk)/ballast" }
}

// MARK: - Workers and supervisors

extension Nemesis {
    private func strikeWorkers(_ fault: PlannedFault) async throws {
        switch fault.kind {
        case .supervisorKill: return try await killSupervisor(fault)
        case .workerClock:
            guard stage.shim != nil else { throw ChaosError("no C compiler") }
            return try await during(fault) {
                try await turn("workers", by: fault.n, for: fault.duration)
            }
        default: break
        }
        let workers = stage.workers()
        guard !workers.isEmpty else { throw ChaosError("no worker lives") }
        let victim = workers[Int(fault.pick % UInt64(workers.count))].pid
        try await during(fault, "\(victim)") {
            switch fault.kind {
            case .workerKill: kill(victim, SIGKILL)
            case .workerTerm: kill(victim, SIGTERM)
            default:
                kill(victim, SIGSTOP)
                defer { kill(victim, SIGCONT) }
                try await clock.sleep(fault.duration)
            }
        }
    }

    private func killSupervisor(_ fault: PlannedFault) async throws {
        let number = Int(fault.pick % UInt64(stage.settings.supervisors))
        guard let supervisor = stage.supervisors[number] else { return }
        let orphans = Orphans(of: supervisor.pid, among: stage.workers().map(\.pid))
        try await during(fault, "supervisor \(number)") {
            supervisor.send(SIGKILL)
            _ = try await supervisor.ends(within: .seconds(5))
            try stage.startSupervisor(number)
        }
        try await watch(orphans, of: supervisor.pid)
    }

    /// Workers whose supervisor was killed have their grace to end, and as long as they may have been stopped.
    ///
    /// Their ends are written down here, as a supervisor does for those that it has.
    private func watch(_ orphans: Orphans, of supervisor: Int32) async throws {
        var orphans = orphans
        let pauses = stage.settings.rates[.workerPause] == nil ? 0.0 : 13
        let limit = stage.settings.graceSeconds + 8 + pauses
        let deadline = clock.now() + .milliseconds(Int(limit * 1_000))
        while true {
            for pid in orphans.look() {
                recorder.note(.exit) { ($0.pid, $0.text) = (pid, "ended after its supervisor, nobody knows how") }
            }
            guard clock.now() < deadline, !orphans.left.isEmpty else { break }
            try await clock.sleep(.milliseconds(10))
        }
        for pid in orphans.left {
            recorder.note(.orphan) { event in
                (event.pid, event.target) = (pid, "worker")
                event.text = "its supervisor \(supervisor) was killed \(Int(limit)) s ago"
            }
        }
    }

    private func turn(_ who: String, by milliseconds: Int64, for duration: Duration) async throws {
        try ClockShim.turn(stage.place.clock(who), by: milliseconds)
        let slept = try await Result { try await clock.sleep(duration) }
        try ClockShim.turn(stage.place.clock(who), by: 0)
        try slept.get()
    }
}

extension Result where Failure == any Error {
    /// What `body` came to, as a value.
    fileprivate init(_ body: () async throws -> Success) async throws {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

// MARK: - Redis

extension Nemesis {
    private func strikeRedis(_ fault: PlannedFault) async throws {
        let milliseconds = "\(fault.duration.wholeMilliseconds)"
        switch fault.kind {
        case .redisKill:
            try await during(fault) {
                stage.redis?.send(SIGKILL)
                _ = try await stage.redis?.ends(within: .seconds(5))
                try await clock.sleep(fault.duration)
                try stage.startRedis()
                let deadline = clock.now() + .seconds(30)
                while !RedisProbe.answers(stage.place.redisSocket), clock.now() < deadline {
                    try await clock.sleep(.milliseconds(2))
                }
            }
        case .clientKill:
            try await during(fault) { try await admin.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") }
        case .clientPause:
            try await during(fault) {
                try await admin.redis("CLIENT", "PAUSE", milliseconds, "ALL")
                try await clock.sleep(fault.duration)
            }
        case .debugSleep:
            try await during(fault) { try await admin.redis("DEBUG", "SLEEP", "\(fault.duration.inSeconds)") }
        case .functionFlush:
            try await during(fault) {
                try await admin.redis("SCRIPT", "FLUSH")
                try await admin.redis("FUNCTION", "FLUSH")
            }
        case .redisClock:
            guard stage.shim != nil else { throw ChaosError("no C compiler") }
            try await during(fault) { try await turn("redis", by: fault.n, for: fault.duration) }
        case .outOfMemory:
            try await during(fault) {
                try await admin.redis("CONFIG", "SET", "maxmemory", "1mb")
                let slept = try await Result { try await clock.sleep(fault.duration) }
                try await admin.redis("CONFIG", "SET", "maxmemory", "0")
                try slept.get()
            }
        case .diskFull: try await fillDisk(fault)
        case .wrongType: try await breakKey(fault)
        default: break
        }
    }

    /// Writes the append-only file anew, as an operator does once there is room again.
    ///
    /// Redis 7.0 may have cut it at a wrong place when the disk was full, and would then not start from it; see
    /// `docs/reliability.md`.
    private func rewriteAppendOnlyFile() async throws {
        _ = try await admin.redis("BGREWRITEAOF")
        let deadline = clock.now() + .seconds(20)
        while clock.now() < deadline {
            try await clock.sleep(.milliseconds(100))
            let isUnderWay = try await admin.info("persistence", "aof_rewrite_in_progress") != "0"
            let isPlanned = try await admin.info("persistence", "aof_rewrite_scheduled") != "0"
            if !isUnderWay, !isPlanned { return }
        }
        throw ChaosError("the append-only file was not written anew within 20 s")
    }

    /// Fills the disk of the append-only file, and waits until Redis has written what it owes it.
    ///
    /// With `everysec` Redis acknowledges before it knows: a kill in this window would lose what it had acknowledged,
    /// by the promise of that setting. So the window ends only when the last write is good again.
    private func fillDisk(_ fault: PlannedFault) async throws {
        guard stage.hasSmallDisk else { throw ChaosError("no small disk: mounting one needs root") }
        try await during(fault) {
            _ = try? ChildProgram.run(["sh", "-c", "cat /dev/zero >\"$0\" 2>/dev/null", ballast])
            let slept = try await Result { try await clock.sleep(fault.duration) }
            unlink(ballast)
            let deadline = clock.now() + .seconds(10)
            while try await admin.info("persistence", "aof_last_write_status") != "ok", clock.now() < deadline {
                try await clock.sleep(.milliseconds(100))
            }
            try await rewriteAppendOnlyFile()
            try await clock.sleep(.milliseconds(1_500))
            try slept.get()
        }
    }

    /// Puts something else in the place of a ready stream, and the stream back later.
    private func breakKey(_ fault: PlannedFault) async throws {
        let (low, away) = (admin.key("ready:low"), admin.key("ready:low-away"))
        try await during(fault) {
            _ = try await admin.raw.pipeline([
                RedisCommand("MULTI"), RedisCommand("RENAME", .text(low), .text(away)),
                RedisCommand("SET", .text(low), "something else"), RedisCommand("EXEC"),
            ])
            let slept = try await Result { try await clock.sleep(fault.duration) }
            _ = try await admin.raw.pipeline([
                RedisCommand("MULTI"), RedisCommand("DEL", .text(low)),
                RedisCommand("RENAME", .text(away), .text(low)), RedisCommand("EXEC"),
            ])
            try slept.get()
        }
    }
}

// MARK: - The network

extension Nemesis {
    private func strikeNetwork(_ fault: PlannedFault) async throws {
        var weather = FaultProxy.Weather()
        switch fault.kind {
        case .proxyDelay:
            let isUp = fault.pick.isMultiple(of: 2)
            if isUp { weather.delayUp = .milliseconds(fault.n) } else { weather.delayDown = .milliseconds(fault.n) }
        case .proxyBlackHole:
            // Towards the server, towards the client, or both.
            weather.blackHoleUp = fault.pick % 3 != 1
            weather.blackHoleDown = fault.pick % 3 != 0
        case .proxyDropReply: return try await during(fault) { try await hit(.dropReply) }
        case .proxyHalfReply: return try await during(fault) { try await hit(.halfReply) }
        default: return try await during(fault) { try await hit(.reset) }
        }
        try await during(fault) {
            stage.proxy.set(weather)
            defer { stage.proxy.set(FaultProxy.Weather()) }
            try await clock.sleep(fault.duration)
        }
    }

    /// Strikes the open connections, and waits a moment until the first is hit.
    private func hit(_ strike: FaultProxy.Strike) async throws {
        let before = stage.proxy.hits[strike] ?? 0
        stage.proxy.strike(strike)
        let deadline = clock.now() + .seconds(2)
        while (stage.proxy.hits[strike] ?? 0) == before, clock.now() < deadline {
            try await clock.sleep(.milliseconds(10))
        }
    }
}
