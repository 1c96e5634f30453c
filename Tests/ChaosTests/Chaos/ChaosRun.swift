// One run, from the first process to the verdict: warm-up, faults, heal, the liveness clock, drain, census, checker.

import ChaosKit
import FoundationEssentials
import Glibc
import Logging
import Millpond

/// A run under way.
struct ChaosRun: Sendable {
    let stage: Stage
    let plan: NemesisPlan
    let terminal: Terminal
    let admin: Admin
    let recorder: Recorder
    let world: SagaWorld
    let clock = LocalClock.system

    var settings: RunSettings { stage.settings }

    init(_ stage: Stage, _ plan: NemesisPlan, on terminal: Terminal) throws {
        (self.stage, self.plan, self.terminal) = (stage, plan, terminal)
        admin = try Admin(stage.adminURL)
        recorder = try Recorder(in: stage.place.history, process: "main")
        world = SagaWorld(stage.place, stage.settings, admin.queue, recorder)
    }

    /// Runs to the census; the checker reads the files afterwards.
    func run() async throws {
        try await begin()
        let watch = Watch(self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await watch.run() }
            group.addTask { try await world.run() }
            try await phases(watch)
            group.cancelAll()
        }
    }

    private func begin() async throws {
        for (name, text) in setup { recorder.note(.setup) { ($0.target, $0.text) = (name, text) } }
        try stage.startRedis()
        try await admin.waitUntilReady()
        try await admin.pond.installLibrary()
        // The judge reads in the journal what became of each job, also of those that ended before memory ran out.
        try await admin.redis("HSET", admin.key("meta"), "journal_bytes_min", "\(Limits.journalBytesMax)")
        let version = try await admin.info("server", "redis_version") ?? "unknown"
        recorder.note(.setup) { ($0.target, $0.text) = ("redis", version) }
        try stage.startLedger()
        let deadline = clock.now() + .seconds(20)
        while access(stage.place.ledgerSocket, F_OK) != 0 {
            guard clock.now() < deadline, stage.ledger?.hasEnded == false else {
                throw ChaosError("the ledger did not start; see \(stage.place.logs)/ledger.log")
            }
            try await clock.sleep(.milliseconds(20))
        }
        if settings.producersFirst {
            try stage.startProducers()
            try await clock.sleep(.seconds(2))
            try stage.startSupervisors()
        } else {
            try stage.startSupervisors()
            try stage.startProducers()
        }
    }

    private var setup: [(String, String)] {
        [
            ("seed", "\(settings.seed)"),
            ("features", (settings.features + (settings.sagaRate > 0 ? ["sagas"] : [])).joined(separator: ",")),
            ("faults", Set(plan.faults.map(\.kind.rawValue)).sorted().joined(separator: ",")),
            ("gates", settings.hasGates ? "all" : "none"), ("commit", Place.environment("CHAOS_COMMIT") ?? "unknown"),
            ("planted", Place.environment("MILLPOND_PLANTED_BUG") ?? "none"), ("durability", settings.durability),
        ]
    }

    private func phase(_ name: String, _ watch: Watch) {
        recorder.note(.phase) { $0.text = name }
        watch.enter(name)
    }

    private func phases(_ watch: Watch) async throws {
        phase("warm-up", watch)
        world.open(true)
        try await clock.sleep(.milliseconds(Int(settings.warmUpSeconds * 1_000)))
        let nemesis = Nemesis(stage: stage, admin: admin, recorder: recorder)
        let descriptors = Descriptors(stage)
        phase("faults", watch)
        let began = clock.now()
        try await nemesis.play(plan)
        let left = clock.now().duration(to: began + .milliseconds(Int(settings.faultSeconds * 1_000)))
        if left > .zero { try await clock.sleep(left) }
        try await nemesis.heal()
        phase("heal", watch)
        try await clock.sleep(.milliseconds(Int(settings.afterSeconds * 1_000)))
        world.open(false)
        for producer in stage.producers { producer.send(SIGTERM) }
        for producer in stage.producers { _ = try await producer.ends(within: .seconds(30)) }
        phase("drain", watch)
        try await drain(watch)
        descriptors.compare(stage, recorder)
        phase("stop", watch)
        try await stopFleet()
        try await sweep()
        phase("census", watch)
        try await CensusTaker(admin: admin, recorder: recorder, settings: settings).take()
        try await countProcesses()
    }

    /// Waits until nothing waits any more, as long as that may take.
    private func drain(_ watch: Watch) async throws {
        let deadline = clock.now() + .milliseconds(Int(settings.drainSeconds * 1_000))
        var calm = 0
        // Whoever looks after sagas that ask for a person looks twice a second.
        let long = settings.sagaRate > 0 ? 8 : 3
        while clock.now() < deadline, calm < long {
            try await clock.sleep(.milliseconds(200))
            guard let depth = watch.depth else { continue }
            let left = depth.ready + depth.inFlight + depth.held + depth.waiting
            calm = left == 0 && world.isCalm ? calm + 1 : 0
        }
        watch.endStall()
    }

    private func stopFleet() async throws {
        for supervisor in stage.supervisors.values { supervisor.send(SIGTERM) }
        for (number, supervisor) in stage.supervisors {
            let limit = Duration.milliseconds(Int(settings.graceSeconds * 1_000)) + .seconds(20)
            if try await supervisor.ends(within: limit) { continue }
            recorder.note(.orphan) { event in
                (event.pid, event.target) = (supervisor.pid, "supervisor \(number)")
                event.text = "it was told to stop \(limit.inSeconds) s ago"
            }
        }
    }

    /// Lets fresh workers take over from those that died while the fleet stopped, when nobody was left to do it.
    private func sweep() async throws {
        let dead = Set(try await beats())
        guard !dead.isEmpty else { return }
        try stage.startSupervisor(0)
        // The lease, the grace after a silence, and a moment to start.
        let deadline = clock.now() + .seconds(12)
        while clock.now() < deadline {
            try await clock.sleep(.milliseconds(200))
            let depth = try await admin.queue.depth()
            let isEmpty = depth.ready + depth.inFlight + depth.held + depth.waiting == 0
            if isEmpty, try await dead.isDisjoint(with: beats()) { break }
        }
        try await stopFleet()
    }

    private func beats() async throws -> [String] {
        try await admin.redis("ZRANGE", admin.key("beats"), "0", "-1").array?.compactMap(\.string) ?? []
    }

    /// Five seconds after the end nothing of the fleet may be left, and nothing unreaped.
    private func countProcesses() async throws {
        let deadline = clock.now() + .seconds(5)
        func left() -> [ProcessTable.Entry] {
            ProcessTable.marked(stage.mark).filter { ["worker", "supervise", "produce"].contains($0.role) }
        }
        while clock.now() < deadline, !left().isEmpty { try await clock.sleep(.milliseconds(100)) }
        for entry in left() {
            recorder.note(.orphan) { event in
                (event.pid, event.target, event.text) = (entry.pid, entry.role, "the run is over")
            }
        }
        for pid in ProcessTable.zombies(of: [getpid()]) {
            recorder.note(.zombie) { ($0.pid, $0.target) = (pid, "child of the orchestrator") }
        }
    }
}

/// How many descriptors the supervisors have open, compared before and after the faults.
struct Descriptors {
    private let before: [Int32: Int]

    init(_ stage: Stage) {
        before = Descriptors.count(stage)
    }

    func compare(_ stage: Stage, _ recorder: Recorder) {
        for (pid, now) in Descriptors.count(stage) {
            guard let then = before[pid] else { continue }
            recorder.note(.descriptors) { ($0.pid, $0.target, $0.n) = (pid, "supervisor", Int64(now - then)) }
        }
        var zombies = Set(stage.supervisors.values.map(\.pid))
        zombies.formUnion(stage.workers().map(\.pid))
        for pid in ProcessTable.zombies(of: zombies) {
            // One that has just died is about to be reaped.
            usleep(200_000)
            guard ProcessTable.zombies(of: zombies).contains(pid) else { continue }
            recorder.note(.zombie) { ($0.pid, $0.target) = (pid, "child of the fleet") }
        }
    }

    private static func count(_ stage: Stage) -> [Int32: Int] {
        var counts: [Int32: Int] = [:]
        for supervisor in stage.supervisors.values {
            counts[supervisor.pid] = ProcessTable.descriptors(of: supervisor.pid)
        }
        return counts
    }
}
