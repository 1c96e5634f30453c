import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Synchronization
import Testing

/// Where a scenario of a saga's store is played: on Redis, or in the memory that tests of handlers run on.
protocol SagaBed: Sendable {
    /// The memory on behalf of whoever has the job next: the first time, and after a wake-up or a turn.
    func next() async throws -> any SagaStore
    /// The worker that has the job dies, and another one has it.
    func afterCrash() async throws -> any SagaStore
    func signal(_ name: String, _ bytes: [UInt8]) async throws
    func answer(_ step: String, token: String, _ bytes: [UInt8]) async throws
}

/// Which store a scenario is played on.
enum SagaStage: String, CaseIterable, Sendable {
    case redis, memory

    func play(_ scenario: @Sendable (any SagaBed) async throws -> Void) async throws {
        switch self {
        case .redis: try await Bench.run { bench in try await scenario(RedisBed(bench)) }
        case .memory: try await scenario(MemoryBed())
        }
    }
}

/// One job on Redis.
private final class RedisBed: SagaBed {
    private let bench: Bench
    private let id = Mutex<JobID?>(nil)

    init(_ bench: Bench) { self.bench = bench }

    func next() async throws -> any SagaStore {
        if let id = id.withLock({ $0 }) { return try await bench.next(id) }
        let (id, store) = try await bench.saga()
        self.id.withLock { $0 = id }
        return store
    }

    func afterCrash() async throws -> any SagaStore {
        try await bench.reclaimAll(from: .ann)
        return try await next()
    }

    func signal(_ name: String, _ bytes: [UInt8]) async throws {
        let id = try #require(id.withLock { $0 })
        _ = try await bench.queue.signal(name, to: id, bytes)
    }

    func answer(_ step: String, token: String, _ bytes: [UInt8]) async throws {
        #expect(try await bench.queue.resolve(token: token, .success(bytes)) == .resolved)
    }
}

/// One job in memory.
private final class MemoryBed: SagaBed {
    private let memory = MemorySaga(HandClock())

    func next() async throws -> any SagaStore {
        #expect(memory.isReady)
        return memory.deliver()
    }

    func afterCrash() async throws -> any SagaStore { try await next() }
    func signal(_ name: String, _ bytes: [UInt8]) async throws { memory.signal(name, bytes) }
    func answer(_ step: String, token: String, _ bytes: [UInt8]) async throws { memory.answer(step, bytes) }
}
