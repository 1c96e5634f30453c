import PondCore
import PondSupervisor
import Synchronization
import Testing

/// Collects a fleet's events and lets a test wait for the next one of a kind.
final class EventLog: Sendable {
    private struct State {
        var events: [(event: FleetEvent, at: LocalInstant)] = []
        /// The events that nobody has waited for yet.
        var unseen: [Int] = []
    }

    private let state = Mutex(State())
    private let wakeUp: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init() {
        (wakeUp, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func record(_ event: FleetEvent) {
        state.withLock { state in
            state.unseen.append(state.events.count)
            state.events.append((event, .now))
        }
        ring.yield()
    }

    var all: [FleetEvent] { state.withLock { $0.events.map(\.event) } }

    /// The first event that `matches` accepts and that nobody has taken yet; fails the test after the limit.
    @discardableResult
    func next<Result: Sendable>(
        _ what: String,
        within limit: Duration = .seconds(20),
        _ matches: @escaping @Sendable (FleetEvent) -> Result?
    ) async throws -> Result {
        try await nextWithTime(what, within: limit, matches).result
    }

    func nextWithTime<Result: Sendable>(
        _ what: String,
        within limit: Duration = .seconds(20),
        _ matches: @escaping @Sendable (FleetEvent) -> Result?
    ) async throws -> (result: Result, at: LocalInstant) {
        do {
            return try await withTimeLimit(limit) { [self] in
                while true {
                    if let found = take(matches) { return found }
                    for await _ in wakeUp { break }
                    try Task.checkCancellation()
                }
            }
        } catch {
            Issue.record("waited for \(what), saw \(all)")
            throw error
        }
    }

    private func take<Result>(_ matches: (FleetEvent) -> Result?) -> (Result, LocalInstant)? {
        state.withLock { state in
            for (place, index) in state.unseen.enumerated() {
                guard let result = matches(state.events[index].event) else { continue }
                state.unseen.remove(at: place)
                return (result, state.events[index].at)
            }
            return nil
        }
    }
}

extension EventLog {
    /// The process id of the next worker that is ready, in the slot.
    func nextReady(slot: Int = 0) async throws -> Int32 {
        try await next("a ready worker in slot \(slot)") {
            if case .ready(slot, let pid) = $0 { pid } else { nil }
        }
    }

    /// The process ids of as many slots, by slot, in whatever order they become ready.
    func nextReady(slots count: Int) async throws -> [Int32] {
        var pids: [Int: Int32] = [:]
        while pids.count < count {
            let (slot, pid) = try await next("ready workers in \(count) slots, \(pids) so far") {
                if case .ready(let slot, let pid) = $0 { (slot, pid) } else { nil }
            }
            pids[slot] = pid
        }
        return (0..<count).compactMap { pids[$0] }
    }

    func nextSpawned(slot: Int = 0) async throws -> Int32 {
        try await next("a spawned worker in slot \(slot)") {
            if case .spawned(slot, let pid) = $0 { pid } else { nil }
        }
    }

    func nextExit(of pid: Int32?) async throws -> (status: WorkerExit, wasExpected: Bool) {
        try await next("the end of worker \(pid.map(String.init) ?? "that never was")") {
            if case .exited(_, pid, let status, let wasExpected) = $0 { (status, wasExpected) } else { nil }
        }
    }
}

struct TimeLimitExceeded: Error {}

/// Runs the operation, and throws when it takes longer than the limit.
func withTimeLimit<Result: Sendable>(
    _ limit: Duration,
    _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask(operation: operation)
        group.addTask {
            // The limit itself.
            try await Task.sleep(for: limit)
            throw TimeLimitExceeded()
        }
        defer { group.cancelAll() }
        return try await group.next()!
    }
}
