import ChaosKit
import Glibc
import Millpond
import Synchronization

/// Looks at the queue a few times a second: for the person, for the drain, and for work that waits in vain.
final class Watch: Sendable {
    private struct State {
        var phase = "start"
        var depth: Depth?
        /// When something moved last.
        var movedAt: LocalInstant
        var marker: [Int] = []
        var healedAt: LocalInstant?
        var isStalled = false
    }

    private let run: ChaosRun
    private let began: LocalInstant
    private let state: Mutex<State>

    /// After the last fault connections may take this long to come back, before idleness counts.
    private static let calmAfterHeal = Duration.seconds(8)
    private static let interval = Duration.milliseconds(250)

    init(_ run: ChaosRun) {
        self.run = run
        began = run.clock.now()
        state = Mutex(State(movedAt: began))
    }

    /// What the queue holds, nil before the first look.
    var depth: Depth? { state.withLock { $0.depth } }

    func enter(_ phase: String) {
        let now = run.clock.now()
        state.withLock { state in
            state.phase = phase
            state.depth = nil
            if phase == "heal" { state.healedAt = now }
        }
    }

    func run() async throws {
        var looks = 0
        while true {
            try await run.clock.sleep(Watch.interval)
            // While Redis is away there is nothing to see.
            if let depth = try? await run.admin.queue.depth() { look(depth) }
            looks += 1
            try complainOfDead()
            let every = run.terminal.traits.isErrorTTY ? 2 : 40
            if looks.isMultiple(of: every) { show() }
        }
    }

    private func look(_ depth: Depth) {
        let now = run.clock.now()
        let marker = [depth.done, depth.dead, depth.held, depth.inFlight, depth.ready, depth.waiting]
        let capacity = run.settings.supervisors * run.settings.workersPerSupervisor * run.settings.slots
        let stalledFor = state.withLock { state -> Duration? in
            state.depth = depth
            guard depth.ready > 0, depth.inFlight < capacity, marker == state.marker, let healed = state.healedAt,
                healed.duration(to: now) > Watch.calmAfterHeal, state.phase == "heal" || state.phase == "drain"
            else {
                let lasted = state.movedAt.duration(to: now)
                let wasStalled = state.isStalled
                (state.marker, state.movedAt, state.isStalled) = (marker, now, false)
                return wasStalled ? lasted : nil
            }
            state.isStalled = true
            return nil
        }
        if let stalledFor { note(stalledFor, depth) }
    }

    /// Writes down a stall that never ended.
    func endStall() {
        let now = run.clock.now()
        let (depth, lasted) = state.withLock { state in
            defer { state.isStalled = false }
            return (state.isStalled ? state.depth : nil, state.movedAt.duration(to: now))
        }
        if let depth { note(lasted, depth) }
    }

    private func note(_ duration: Duration, _ depth: Depth) {
        run.recorder.note(.stall) { event in
            event.n = duration.wholeMilliseconds
            event.text = "\(depth.ready) ready, \(depth.inFlight) in flight, \(depth.workers) workers beat"
        }
    }

    private func complainOfDead() throws {
        let phase = state.withLock { $0.phase }
        guard ["warm-up", "faults", "heal"].contains(phase), run.stage.ledger?.hasEnded == true else { return }
        throw ChaosError("the ledger has ended; see \(run.stage.place.logs)/ledger.log")
    }

    private func show() {
        let state = state.withLock { $0 }
        let seconds = Int(began.duration(to: run.clock.now()).inSeconds)
        var line = "\(seconds) s  \(state.phase)"
        if let depth = state.depth {
            line += "  done \(depth.done)  ready \(depth.ready)  in flight \(depth.inFlight)  held \(depth.held)"
            line += "  waiting \(depth.waiting)  dead \(depth.dead)  workers \(depth.workers)"
        }
        if run.terminal.traits.isErrorTTY {
            run.terminal.write("\r\u{1b}[K\(line)", to: .error)
        } else {
            run.terminal.say(line)
        }
    }
}
