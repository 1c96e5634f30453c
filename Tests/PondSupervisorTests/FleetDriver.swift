import PondCore
import PondSupervisor

/// A fleet machine with a clock that only the test moves.
struct FleetDriver {
    var fleet: Fleet
    let start = LocalInstant.now
    var now: LocalInstant
    private var nextPID: Int32 = 100
    /// The process ids of the workers that live, as far as the machine was told.
    private(set) var pids: [WorkerID: Int32] = [:]

    init(workers: Int, _ change: (inout FleetConfiguration) -> Void = { _ in }) {
        var configuration = FleetConfiguration(workers: workers, command: WorkerCommand(executable: "/bin/worker"))
        change(&configuration)
        now = start
        fleet = Fleet(configuration, at: start)
    }

    /// Gives one input and returns the answer.
    mutating func send(_ input: Fleet.Input) -> [Fleet.Action] {
        fleet.apply(input, at: now)
    }

    /// Moves the clock to the machine's next deadline and ticks.
    mutating func tickAtDeadline() -> [Fleet.Action] {
        guard let deadline = fleet.nextDeadline else { return [] }
        now = deadline
        return send(.tick)
    }

    /// Moves the clock and ticks.
    mutating func advance(_ duration: Duration) -> [Fleet.Action] {
        now += duration
        return send(.tick)
    }

    /// Reports that the worker exists, with the next process id.
    mutating func spawned(_ id: WorkerID) -> [Fleet.Action] {
        nextPID += 1
        pids[id] = nextPID
        return send(.spawned(id, pid: nextPID))
    }

    mutating func ended(_ id: WorkerID, _ status: WorkerExit = .exited(1)) -> [Fleet.Action] {
        pids[id] = nil
        return send(.ended(id, status))
    }

    /// Starts the fleet and brings every worker to ready; returns their ids by slot.
    mutating func startReady() -> [WorkerID] {
        var ids: [WorkerID] = []
        var actions = send(.start)
        while let id = actions.spawns.first {
            ids.append(id)
            actions = spawned(id)
        }
        for id in ids { _ = send(.ready(id)) }
        return ids
    }

    var states: [SlotStatus.State] { fleet.statuses.map(\.state) }
}

extension [Fleet.Action] {
    var spawns: [WorkerID] { compactMap { if case .spawn(let id, _) = $0 { id } else { nil } } }
    var terminated: [WorkerID] { compactMap { if case .terminate(let id) = $0 { id } else { nil } } }
    var retired: [WorkerID] { compactMap { if case .retire(let id) = $0 { id } else { nil } } }
    var killed: [WorkerID] { compactMap { if case .kill(let id) = $0 { id } else { nil } } }
    var events: [FleetEvent] { compactMap { if case .report(let event) = $0 { event } else { nil } } }
    var rolls: [FleetEvent.RollingRestart] {
        events.compactMap { if case .rollingRestart(let progress) = $0 { progress } else { nil } }
    }
}
