// Whoever is outside of the sagas: gives them out, answers their tokens, sends them signals, cancels, pauses and replays them, and
// looks after those that a person is asked about. One for a run, in the orchestrator.

import ChaosKit
import FoundationEssentials
import GRDB
import Millpond
import PondQueue
import PondSaga
import Synchronization

/// Something to be done to a saga, or for it.
enum Errand: Sendable {
    case answer(JobID, move: String, token: String, value: Int64, isNo: Bool)
    case signal(JobID, move: String, value: Int64)
    case cancel(JobID)
    case pause(JobID)
    case resume(JobID)
    case replay(JobID, SagaPlan, left: Int)
}

/// The world of a run's sagas.
final class SagaWorld: Sendable {
    struct State {
        var isOpen = false
        var given = 0
        var errands: [(due: LocalInstant, errand: Errand)] = []
        /// What is under way, and what waits for a person.
        var busy = 0
        var asking = 0
        var plans: [String: SagaPlan] = [:]
        var names: [String: String] = [:]
        var row: Int64 = 0
        var asked: Set<String> = []
        var draw: SagaDraw
        var chance: SeededGenerator
    }

    let queue: Queue
    let settings: RunSettings
    let recorder: Recorder
    let clock = LocalClock.system
    let state: Mutex<State>
    let place: Place

    private static let tick = Duration.milliseconds(40)
    private static let atOnce = 32

    init(_ place: Place, _ settings: RunSettings, _ queue: Queue, _ recorder: Recorder) {
        (self.place, self.settings, self.queue, self.recorder) = (place, settings, queue, recorder)
        let shapes = settings.sagaShapes.compactMap { SagaDraw.Shape(rawValue: $0) }
        state = Mutex(
            State(
                draw: SagaDraw(
                    seed: settings.seed,
                    shapes: shapes.isEmpty ? SagaDraw.Shape.allCases : shapes,
                    work: settings.sagaWork
                ),
                chance: SeededGenerator(seed: settings.seed, part: "world")
            )
        )
    }

    /// Lets it give out sagas, or no more.
    func open(_ isOpen: Bool) { state.withLock { $0.isOpen = isOpen } }

    /// Whether nothing is left to be done by it.
    var isCalm: Bool { state.withLock { $0.errands.isEmpty && $0.busy == 0 && $0.asking == 0 } }

    func run() async throws {
        guard settings.sagaRate > 0 else { return }
        let provider = try LedgerClient(socket: place.ledgerSocket, process: "person")
        let ledger = try DatabaseQueue(path: place.ledgerFile)
        let began = clock.now()
        var looks = 0
        while true {
            try await clock.sleep(Self.tick)
            try hear(ledger)
            try await give(elapsed: began.duration(to: clock.now()).inSeconds)
            try await runErrands()
            looks += 1
            // While Redis is away nobody can be asked.
            if looks.isMultiple(of: 12) { try? await lookAfter(provider) }
        }
    }

    func later(_ milliseconds: Int, _ errand: Errand) {
        let due = clock.now() + .milliseconds(milliseconds)
        state.withLock { $0.errands.append((due, errand)) }
    }

    func random(_ range: ClosedRange<Int>) -> Int {
        state.withLock { Int.random(in: range, using: &$0.chance) }
    }

    private func runErrands() async throws {
        let now = clock.now()
        let due = state.withLock { state in
            let due = state.errands.filter { $0.due <= now }.prefix(Self.atOnce).map(\.errand)
            var left = due.count
            state.errands.removeAll { errand in
                guard errand.due <= now, left > 0 else { return false }
                left -= 1
                return true
            }
            state.busy = due.count
            return due
        }
        await withTaskGroup(of: Void.self) { group in
            for errand in due { group.addTask { await self.perform(errand) } }
        }
        state.withLock { $0.busy = 0 }
    }

    private func perform(_ errand: Errand) async {
        do { try await attempt(errand) } catch { later(250, errand) }
    }
}

// MARK: - Giving out

extension SagaWorld {
    private func give(elapsed: Double) async throws {
        while true {
            let next = state.withLock { state -> (SagaPlan, SagaDraw.Treatment)? in
                guard state.isOpen, Double(state.given) < elapsed * settings.sagaRate,
                    settings.sagaCount == 0 || state.given < settings.sagaCount
                else { return nil }
                state.given += 1
                guard settings.sagaSteps == 0 else { return (state.draw.next(steps: settings.sagaSteps), .init()) }
                let (plan, treatment) = state.draw.next()
                return (plan, settings.sagasAreTreated ? treatment : .init())
            }
            guard let (plan, treatment) = next else { return }
            try await give(plan, treatment)
        }
    }

    private func give(_ plan: SagaPlan, _ treatment: SagaDraw.Treatment) async throws {
        let data = try note(plan)
        var options = EnqueueOptions()
        options.headers = [Bench.nameHeader: plan.name]
        options.jobClass = JobClass(rawValue: chaosClass(of: plan.name))
        options.attemptsMax = JobType.attemptsMax
        if let after = treatment.expiresAfter {
            options.expires = ServerTime(milliseconds: WallClock.read().milliseconds + Int64(after))
        }
        do {
            let answer = try await queue.enqueue(
                NewJob(kind: try JobKind(ChaosSaga.kind), data: data, options: options)
            )
            taken(plan, answer.id)
            for move in plan.moves where move.kind == .signal { signal(move, answer.id) }
            if let after = treatment.cancelAfter { later(after, .cancel(answer.id)) }
            if let after = treatment.pauseAfter { later(after, .pause(answer.id)) }
            if treatment.isReplayed { later(5_000, .replay(answer.id, plan, left: 40)) }
        } catch let error as CancellationError {
            throw error
        } catch {
            recorder.note(.sagaUnknown) { ($0.job, $0.text) = (plan.name, "\(error)") }
            // Whether it was taken or not, it is none of those that were to be given out.
            state.withLock { $0.given -= 1 }
        }
    }

    /// Writes down that a saga is about to be given out, and gives its payload.
    func note(_ plan: SagaPlan) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let data = try encoder.encode(plan)
        recorder.note(.sagaGiven) { ($0.job, $0.text) = (plan.name, String(decoding: data, as: UTF8.self)) }
        state.withLock { state in
            for plan in plan.all { state.plans[plan.name] = plan }
        }
        return [UInt8](data)
    }

    func taken(_ plan: SagaPlan, _ id: JobID) {
        recorder.note(.sagaTaken) { ($0.job, $0.id) = (plan.name, id.text) }
        state.withLock { $0.names[id.text] = plan.name }
    }

    func signal(_ move: PlanMove, _ id: JobID) {
        guard move.answer != .never else { return }
        let value = Int64(random(1...999_999))
        later(move.answer == .early ? 0 : random(500...2_500), .signal(id, move: move.name, value: value))
        if move.answer == .twice { later(random(0...2_500), .signal(id, move: move.name, value: value)) }
    }
}

// MARK: - Answering

extension SagaWorld {
    /// Reads what the provider was asked, and plans the answers to its questions.
    private func hear(_ ledger: DatabaseQueue) throws {
        let last = state.withLock { $0.row }
        let rows = try LedgerFile.payments(in: ledger, after: last)
        for row in rows {
            let move = state.withLock { state -> PlanMove? in
                state.row = row.order
                state.names[row.id] = row.saga
                guard !row.token.isEmpty, !row.isUndo, row.outcome.word == "ok" || row.outcome == .appliedLost,
                    state.asked.insert(row.token).inserted
                else { return nil }
                return state.plans[row.saga]?.moves.first { $0.name == row.step }
            }
            if let move { answer(move, JobID(row.id), row.token) }
        }
    }

    private func answer(_ move: PlanMove, _ id: JobID, _ token: String) {
        let value = Int64(random(1...999_999))
        func say(after milliseconds: Int, _ value: Int64, isNo: Bool = false) {
            later(milliseconds, .answer(id, move: move.name, token: token, value: value, isNo: isNo))
        }
        switch move.answer {
        case .never: return
        case .early, .lostSend: say(after: 0, value)
        case .late: say(after: random(300...2_500), value)
        case .no: say(after: random(0...1_500), value, isNo: true)
        case .twice:
            let first = random(0...1_500)
            for _ in 0..<2 { say(after: first, value) }
            say(after: first + 200, value)
        case .conflict:
            let first = random(0...1_500)
            for other in 0..<2 { say(after: first, value + Int64(other)) }
            say(after: first + 200, value + 2)
        }
    }
}
