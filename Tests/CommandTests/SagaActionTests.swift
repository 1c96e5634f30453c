import PondCore
import PondInsight
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// What `pond why` has people paste for a saga is taken by the state that it is printed for.
@Suite(.redis) struct SagaActionTests {
    /// A saga in some state, in a queue of its own.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let says: String
        let make: @Sendable (Stage) async throws -> JobID
        /// Words of commands that must not be printed.
        var never: [String] = []

        var testDescription: String { name }
    }

    /// A queue and who works at it.
    struct Stage: Sendable {
        let queue: Queue
        let consumer: Consumer

        func next() async throws -> QueueSagaStore {
            let delivery = try #require(try await queue.fetch(as: consumer, atMost: 1).deliveries.first)
            return QueueSagaStore(queue, delivery.receipt, of: try delivery.job.get().id, as: consumer)
        }

        func saga() async throws -> QueueSagaStore {
            _ = try await queue.enqueue("trip.book")
            return try await next()
        }

        func settle(_ store: QueueSagaStore, _ outcome: Outcome) async throws {
            let settlement = Settlement(receipt: store.receipt, id: store.id, outcome: outcome, isSaga: true)
            _ = try await queue.settle([settlement], as: consumer)
        }

        /// One that has booked a hotel and turned round, at its first undo.
        func undoing() async throws -> QueueSagaStore {
            let store = try await saga()
            try await store.did("hotel", undo: true)
            try await store.did("payment", undo: true)
            #expect(try await store.turn(.failed(cause: .failed, error: "sold out"), spent: nil) == .moved)
            return try await next()
        }

        func stuck(_ error: String) async throws -> JobID {
            let store = try await undoing()
            #expect(try await store.beginUndo("payment") == .go(attempt: 1))
            #expect(try await store.endUndo("payment", .stuck(error: error)) == .moved)
            #expect(try await store.end(.stuck, "step payment cannot be undone") == .moved)
            try await settle(store, .dead(cause: .sagaStuck, error: error))
            return store.id
        }

        func parent(_ policy: SagaChildren.Policy = .all) async throws -> (store: QueueSagaStore, child: QueueSagaStore)
        {
            let store = try await saga()
            try await store.did("hotel", undo: true)
            let children = SagaChildren(
                "guests",
                kind: try JobKind("guest"),
                payloads: [[49]],
                policy: policy,
                limit: 1
            )
            #expect(try await store.children(children) == .go(attempt: 1, token: nil))
            let child = try await next()
            return (store, child)
        }
    }

    private static let hour = Duration.seconds(3_600)

    static let cases: [Case] = [
        Case(name: "sleeps", says: "sleeps until") { stage in
            let store = try await stage.saga()
            #expect(try await store.wait([SagaWait("rest", .sleep, within: hour)], spent: nil) == .parked)
            return store.id
        },
        Case(name: "waits for a token", says: "waits for an answer") { stage in
            let store = try await stage.saga()
            _ = try await store.begin(
                StepBegin("paid", kind: .callback, token: "token-of-\(stage.queue.name)", within: hour)
            )
            #expect(try await store.wait([SagaWait("paid", .callback, within: hour)], spent: nil) == .parked)
            return store.id
        },
        Case(
            name: "waits for a signal behind its pivot",
            says: "signal green",
            make: { stage in
                let store = try await stage.saga()
                try await store.did("hotel", undo: true)
                try await store.did("payment", pivot: true)
                #expect(try await store.wait([SagaWait("go", .signal("green"), within: nil)], spent: nil) == .parked)
                return store.id
            },
            never: ["cancel"]
        ),
        Case(
            name: "waits for children",
            says: "guest) is",
            make: { stage in
                let (store, _) = try await stage.parent()
                #expect(try await store.wait([SagaWait("guests", .children, within: nil)], spent: nil) == .parked)
                return store.id
            },
            never: ["--done"]
        ),
        Case(name: "paused by a person", says: "paused") { stage in
            let store = try await stage.saga()
            try await store.did("hotel", undo: true)
            #expect(try await store.pause("look", spent: nil) == .moved)
            return store.id
        },
        Case(
            name: "forward only",
            says: "forward_only",
            make: { stage in
                let store = try await stage.saga()
                try await store.did("hotel", undo: true)
                try await store.did("payment", pivot: true)
                #expect(try await store.pause("forward_only: failed: e", spent: nil) == .moved)
                return store.id
            },
            never: ["cancel"]
        ),
        Case(
            name: "mismatch forward",
            says: "but to step room",
            make: { stage in
                let store = try await stage.saga()
                try await store.did("hotel", undo: true)
                #expect(try await store.pause("plan_mismatch: hotel (handler: room)", spent: nil) == .moved)
                return store.id
            },
            never: ["--done"]
        ),
        Case(name: "mismatch of a result", says: "does not decode") { stage in
            let store = try await stage.saga()
            try await store.did("hotel", undo: true)
            #expect(try await store.pause("plan_mismatch: hotel: its result does not decode", spent: nil) == .moved)
            return store.id
        },
        Case(
            name: "mismatch in an undo",
            says: "but to step room",
            make: { stage in
                let store = try await stage.undoing()
                #expect(try await store.pause("plan_mismatch: hotel (handler: room)", spent: nil) == .moved)
                return store.id
            },
            never: ["cancel"]
        ),
        Case(name: "unknown by its error", says: "failed with \"smtp down\"") { stage in
            let store = try await stage.saga()
            _ = try await store.begin(StepBegin("mail", effect: .once))
            #expect(try await store.commit("mail", .unknown(error: "smtp down")) == .kept)
            #expect(try await store.pause("step_unknown: mail", spent: nil) == .moved)
            return store.id
        },
        Case(
            name: "an undo rests",
            says: "rests before the next try",
            make: { stage in
                let store = try await stage.undoing()
                #expect(try await store.beginUndo("payment") == .go(attempt: 1))
                #expect(try await store.endUndo("payment", .retry(error: "HTTP 503")) == .moved)
                try await stage.settle(store, .postponed(for: hour))
                return store.id
            },
            never: ["cancel"]
        ),
        Case(name: "stuck", says: "turned round because of failed: sold out") { stage in
            try await stage.stuck("HTTP 410")
        },
        Case(
            name: "stuck without a result",
            says: "its undo needs the result",
            make: { stage in
                try await stage.stuck("\(UndoPolicy.needsResult) is not known: undo it by hand")
            },
            never: ["--retry"]
        ),
        Case(name: "stuck of a dead job", says: "which is dead: hotel down") { stage in
            let id = try await stage.queue.enqueue("hotel.cancel")
            try await stage.queue.buryAll(error: "hotel down")
            let address = "\(stage.queue.name)/\(id)"
            return try await stage.stuck("flow_undo: \(UndoJob(address: address).text): hotel down")
        },
        Case(name: "a dead child of a saga that has turned", says: "nobody undoes it") { stage in
            let (store, child) = try await stage.parent()
            try await stage.settle(child, .dead(cause: .failed, error: "no seat"))
            #expect(try await store.turn(.failed(cause: .failed, error: "e"), spent: nil) == .moved)
            return child.id
        },
    ]

    private static let changing: Set<String> = ["resolve", "resume", "cancel", "signal", "retry", "resolve-token"]

    private static func isChange(_ words: [String]) -> Bool { words.count > 1 && changing.contains(words[1]) }

    private func stage(_ desk: Desk, _ number: Int) async throws -> Stage {
        let queue = try await desk.queue("q\(number)")
        return Stage(queue: queue, consumer: try await queue.livingWorker("ann"))
    }

    private func report(_ desk: Desk, _ id: JobID, _ stage: Stage) async throws -> WhyReport {
        let answer = try await WhyReader(desk.pond, history: nil).answer(id.text, queue: stage.queue.name.text)
        return try #require(answer.jobs.first)
    }

    @Test(arguments: cases)
    func `each command that why prints for a saga is taken`(_ one: Case) async throws {
        let desk = try Desk()
        var (number, left) = (0, 1)
        while number < left {
            let stage = try await stage(desk, number)
            let id = try await one.make(stage)
            let report = try await report(desk, id, stage)
            #expect(report.detail.contains(one.says), "\(report.detail)")
            let commands = report.actions.compactMap(\.arguments).filter { Self.isChange($0) }
            left = commands.count
            for word in one.never {
                #expect(!commands.contains { $0.contains(word) }, "\(commands)")
            }
            guard number < commands.count else { break }
            let words = commands[number].map { $0 == "JSON" ? "1" : $0 }
            let run = try await desk.run(
                words + (words.contains("--abandon") ? ["--yes"] : []),
                input: words.contains("-") ? "token-of-\(stage.queue.name)" : ""
            )
            #expect(run.code == 0, "pond \(words.joined(separator: " ")): \(run.error)")
            number += 1
        }
        #expect(number == left)
    }

    @Test func `the end of a fan-out, a cancel behind a pivot and a lost child take --force and say why`() async throws
    {
        let desk = try Desk()
        let one = try await stage(desk, 1)
        let (store, _) = try await one.parent()
        #expect(try await store.wait([SagaWait("guests", .children, within: nil)], spent: nil) == .parked)
        let resolve = "saga resolve q1/\(store.id) guests --done --reason x"
        let asked = try await desk.run(resolve)
        #expect(asked.code == 5 && asked.error.contains("1 child of step guests"), "\(asked.error)")
        #expect(try await one.queue.saga(store.id)?["guests"]?.state == .waiting)
        #expect(try await desk.run("\(resolve) --force").code == 0)
        let two = try await stage(desk, 2)
        let forward = try await two.saga()
        try await forward.did("hotel", undo: true)
        try await forward.did("payment", pivot: true)
        for line in ["saga cancel q2/\(forward.id)", "job cancel q2/\(forward.id)"] {
            let cancel = try await desk.run(line)
            #expect(cancel.code == 5 && cancel.error.contains("pivot (payment)"), "\(cancel.error)")
        }
        #expect(try await desk.run("saga cancel q2/\(forward.id) --force").code == 0)
        let three = try await stage(desk, 3)
        let (parent, child) = try await three.parent()
        try await three.settle(child, .dead(cause: .failed, error: "e"))
        #expect(try await parent.turn(.failed(cause: .failed, error: "e"), spent: nil) == .moved)
        let retry = try await desk.run("dead retry q3/\(child.id)")
        #expect(retry.code == 4 && retry.error.contains("nobody undoes what it does"), "\(retry)")
        #expect(try await desk.run("dead retry q3/\(child.id) --force").code == 0)
    }

    @Test func `a saga that was replayed is not let go on beside its replay`() async throws {
        let desk = try Desk()
        let stage = try await stage(desk, 1)
        let store = try await stage.saga()
        try await store.did("hotel", undo: true)
        #expect(try await store.pause("look", spent: nil) == .moved)
        #expect(try await desk.run("saga replay q1/\(store.id) --from hotel --reason x").code == 0)
        let report = try await report(desk, store.id, stage)
        #expect(report.actions.allSatisfy { $0.arguments.map { !Self.isChange($0) } ?? true })
        for line in ["saga resume q1/\(store.id)", "saga cancel q1/\(store.id)"] {
            let run = try await desk.run(line)
            #expect(run.code == 5 && run.error.contains("it was replayed as q1/"), "\(run.error)")
        }
        let status = try await desk.run("status").output
        #expect(status.contains("1 saga is paused in q1"), "\(status)")
        #expect(try await desk.run("saga resume q1/\(store.id) --force").code == 0)
    }
}

extension QueueSagaStore {
    /// Does a step.
    fileprivate func did(_ name: String, undo: Bool = false, pivot: Bool = false) async throws {
        #expect(try await begin(StepBegin(name, hasUndo: undo, isPivot: pivot)) == .go(attempt: 1, token: nil))
        #expect(try await commit(name, .done(result: [49])) == .kept)
    }
}
