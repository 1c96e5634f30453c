import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// Workers that run random sagas, die at every moment, go on when they are dead already, and undo what has to be undone; and
/// people who cancel, answer and signal meanwhile.
struct SagaCrowd {
    /// A part of a handler.
    enum Part {
        case step(hasUndo: Bool)
        case sleep, signal, callback
        case children(Int, SagaChildren.Policy)
    }

    /// What a step did to the world.
    struct Effect: Equatable {
        let saga: JobID
        let step: String
        let isUndo: Bool
    }

    /// How the run of a handler ends otherwise than well.
    private enum Exit: Error {
        case crash, lost, parked, turned, unwind, again
        case failed(String)
    }

    private let bench: Bench
    private var random: SplitMix
    private let workers = ["ann", "bob", "cid"].map { Consumer($0) }
    private var tokens: [String] = []
    private var worker = Consumer("ann")
    /// Jobs that nobody started but the test.
    private(set) var roots: [JobID] = []
    private(set) var plans: [JobID: [Part]] = [:]
    private(set) var effects: [Effect] = []

    init(_ bench: Bench, seed: UInt64, count: Int) async throws {
        (self.bench, random) = (bench, SplitMix(seed: seed))
        for _ in 0..<count {
            let id = try await bench.add()
            roots.append(id)
            plans[id] = plan(atMost: 6)
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func plan(atMost most: Int) -> [Part] {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in
            switch Int.random(in: 0..<9, using: &random) {
            case 0...3: .step(hasUndo: true)
            case 4: .step(hasUndo: false)
            case 5: .sleep
            case 6: .signal
            case 7: .callback
            default: .children(Int.random(in: 1...3, using: &random), chance(50) ? .all : .bestEffort)
            }
        }
    }

    /// One worker fetches and runs; gives whether anybody had anything to do.
    mutating func step() async throws -> Bool {
        worker = workers[Int.random(in: 0..<workers.count, using: &random)]
        let deliveries = try await bench.fetch(as: worker, Int.random(in: 1...2, using: &random))
        try await meddle()
        var isDead = false
        for delivery in deliveries where !isDead {
            let store = bench.store(delivery, as: worker)
            do { try await run(delivery, store) } catch Exit.crash { isDead = true } catch Exit.again {
                _ = try await settle(store, .retry(after: .milliseconds(1), error: "again"))
            } catch Exit.lost {} catch Exit.parked {}
        }
        if isDead { try await takeOver() }
        return !deliveries.isEmpty
    }

    private func takeOver() async throws { try await bench.reclaimAll(from: worker, by: Consumer("eve")) }

    private mutating func meddle() async throws {
        guard let root = roots.randomElement(using: &random) else { return }
        if chance(2) { _ = try await bench.queue.cancel(root) }
        if chance(20) { _ = try await bench.queue.signal("go", to: root) }
        if chance(30), let token = tokens.randomElement(using: &random) {
            let answer: Result<[UInt8], ToldError> = chance(80) ? .success([1]) : .failure(ToldError("declined"))
            _ = try await bench.queue.resolve(token: token, answer)
        }
    }

    private func settle(_ store: QueueSagaStore, _ outcome: Outcome) async throws -> SettleAnswer? {
        let settlement = Settlement(receipt: store.receipt, id: store.id, outcome: outcome, isSaga: true)
        return try await bench.queue.settle([settlement], as: worker).first
    }

    /// Dies; or is taken for dead, and goes on.
    private mutating func mayDie() async throws {
        if chance(4) { throw Exit.crash }
        if chance(2) { try await takeOver() }
    }
}

// One delivery.
extension SagaCrowd {
    private mutating func run(_ delivery: Delivery, _ store: QueueSagaStore) async throws {
        let parts = plans[delivery.id] ?? (chance(40) ? plan(atMost: 2) : [])
        plans[delivery.id] = parts
        if try delivery.job.get().phase == .undo { return try await undo(parts, store) }
        do {
            for (number, part) in parts.enumerated() { try await forward(part, "\(number)", store) }
        } catch Exit.failed(let text) {
            return try await turn(.failed(cause: .failed, error: text), store)
        } catch Exit.turned {
            return try await turn(.cancelled("cancelled"), store)
        }
        try await mayDie()
        _ = try await settle(store, .done)
    }

    private mutating func turn(_ reason: SagaTurn, _ store: QueueSagaStore) async throws {
        try await mayDie()
        guard case .refused = try await store.turn(reason, spent: nil) else { return }
        let isCancelled = if case .cancelled = reason { true } else { false }
        _ = try await settle(store, isCancelled ? .cancelled : .dead(cause: .failed, error: "e"))
    }

    private mutating func forward(_ part: Part, _ name: String, _ store: QueueSagaStore) async throws {
        try await mayDie()
        switch part {
        case .step(let hasUndo): try await perform(name, hasUndo, store)
        case .sleep: try await wait(SagaWait(name, .sleep, within: .milliseconds(3)), store)
        case .signal: try await wait(SagaWait(name, .signal("go"), within: .milliseconds(chance(50) ? 3 : 60)), store)
        case .callback:
            try await send(name, store)
            try await wait(SagaWait(name, .callback, within: .milliseconds(40)), store)
        case .children(let count, let policy):
            let payloads = Array(repeating: [UInt8](), count: count)
            let children = SagaChildren(
                name,
                kind: try JobKind("child"),
                payloads: payloads,
                policy: policy,
                limit: 2
            )
            _ = try go(try await store.children(children))
            try await wait(SagaWait(name, .children, within: nil), store)
        }
    }

    /// Whether a step runs, which of a step that is known has been done.
    private func go(_ answer: StepAnswer) throws -> Bool {
        switch answer {
        case .go: return true
        case .known(let record):
            if record.state == .failed { throw Exit.failed(record.error) }
            return false
        case .undoing: throw Exit.turned
        case .lost: throw Exit.lost
        case .paused, .mismatch, .refused:
            Issue.record("\(answer)")
            return false
        }
    }

    private mutating func perform(_ name: String, _ hasUndo: Bool, _ store: QueueSagaStore) async throws {
        guard try go(try await store.begin(StepBegin(name, hasUndo: hasUndo))) else { return }
        try await mayDie()
        if chance(6) {
            guard try await store.commit(name, .failed(error: "no", isCertain: true)) != .lost else { throw Exit.lost }
            throw Exit.failed("no")
        }
        if chance(4) {
            _ = try await store.commit(name, .retry(error: "busy"))
            throw Exit.again
        }
        effects.append(Effect(saga: store.id, step: name, isUndo: false))
        try await mayDie()
        if try await store.commit(name, .done(result: [1])) == .lost { throw Exit.lost }
    }

    private mutating func send(_ name: String, _ store: QueueSagaStore) async throws {
        let begin = StepBegin(name, kind: .callback, token: SagaToken.random(), within: .milliseconds(40))
        let answer = try await store.begin(begin)
        guard try go(answer) else { return }
        if case .go(_, let token?) = answer { tokens.append(token) }
        try await mayDie()
        if try await store.commit(name, .sent) == .lost { throw Exit.lost }
    }

    private mutating func wait(_ wait: SagaWait, _ store: QueueSagaStore) async throws {
        try await mayDie()
        switch try await store.wait([wait], spent: nil) {
        case .parked, .open: throw Exit.parked
        case .over(let record): if record.state == .failed { throw Exit.failed(record.error) }
        case .undoing: throw Exit.turned
        case .lost: throw Exit.lost
        case .paused, .mismatch, .refused: Issue.record("a wait was refused")
        }
    }

    private mutating func undo(_ parts: [Part], _ store: QueueSagaStore) async throws {
        let record = try #require(try await store.read())
        for step in record.toUndo {
            try await mayDie()
            let answer = try await store.beginUndo(step.name)
            if answer == .lost { throw Exit.lost }
            if chance(8) {
                _ = try await store.endUndo(step.name, .retry(error: "net"))
                throw Exit.again
            }
            effects.append(Effect(saga: store.id, step: step.name, isUndo: true))
            try await mayDie()
            if try await store.endUndo(step.name, .done) == .lost { throw Exit.lost }
        }
        try await mayDie()
        if try await store.end(record.undoneState, "") == .lost { throw Exit.lost }
        try await mayDie()
        _ = try await settle(store, record.undoneState == .cancelled ? .cancelled : .compensated)
    }
}
