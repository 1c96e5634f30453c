import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// `pond saga`, `pond doctor` and `pond status` with sagas in real queues.
@Suite(.redis) struct SagaTests {
    private let ann = Consumer("ann")

    private func next(_ queue: Queue) async throws -> QueueSagaStore {
        let consumer = try await queue.livingWorker("ann")
        let delivery = try #require(try await queue.fetch(as: consumer, atMost: 1).deliveries.first)
        return QueueSagaStore(queue, delivery.receipt, of: try delivery.job.get().id, as: consumer)
    }

    private func saga(_ queue: Queue) async throws -> (id: JobID, store: QueueSagaStore) {
        let id = try await queue.enqueue("order.charge", data: "{\"order\":7}")
        return (id, try await next(queue))
    }

    private func finish(
        _ store: QueueSagaStore,
        _ name: String,
        _ result: String = "1",
        undo: Bool = false
    ) async throws {
        #expect(try await store.begin(StepBegin(name, hasUndo: undo)) == .go(attempt: 1, token: nil))
        #expect(try await store.commit(name, .done(result: Array(result.utf8))) == .kept)
    }

    private func park(_ store: QueueSagaStore) async throws {
        #expect(try await store.wait([SagaWait("rest", .sleep, within: .seconds(600))], spent: nil) == .parked)
    }

    @Test func `sagas are listed and one is shown step by step, and nothing reaches the terminal raw`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        #expect(try await desk.run("saga list").output == "No sagas.\n")
        #expect(try await desk.run("status").output.contains("WAITING") == false)
        let (id, store) = try await saga(queue)
        try await finish(store, "account", "{\"id\":\"\u{1b}[31m9\"}", undo: true)
        try await park(store)
        let list = try await desk.run("saga list emails")
        #expect(list.code == 0 && list.output.contains("emails/\(id)") && list.output.contains("waiting"))
        let json = try await desk.run("saga list --state waiting --json").json()
        #expect(json["kind"]?.text == "SagaList" && json["total"] == .number(1))
        #expect(json.items.first?["id"]?.text == id.text && json.items.first?["state"]?.text == "waiting")
        let show = try await desk.run("saga show \(id)")
        #expect(show.code == 0 && show.output.contains("account") && show.output.contains("armed"))
        #expect(!show.output.contains("\u{1b}[31m"))
        let steps = try await desk.run("saga show emails/\(id) --json").json()["steps"]
        #expect(steps?[0]?["result"]?.text == "{\"id\":\"\u{1b}[31m9\"}" && steps?[0]?["undo"]?.text == "armed")
        #expect(steps?[1]?["name"]?.text == "rest" && steps?[1]?["due"]?.text != nil && steps?[1]?["ended"] == .null)
        #expect(try await desk.run("status").output.contains("WAITING"))
        #expect(try await desk.run("status --json").json().items.first?["waiting"] == .number(1))
        #expect(try await desk.run("saga list --state lost").code == 2)
    }

    @Test func `a saga is paused, resumed and cancelled, with who and why in the audit`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let actor = ["MILLPOND_ACTOR": "ann@desk"]
        let (id, store) = try await saga(queue)
        #expect(try await desk.run("saga show \(id)").code == 5, "it is no saga yet")
        try await finish(store, "account", undo: true)
        try await park(store)
        #expect(try await desk.run("saga pause \(id)").code == 2, "without a reason")
        let paused = try await desk.run(["saga", "pause", id.text, "--reason", "bank is down"], environment: actor)
        #expect(paused.code == 0, "\(paused.error)")
        #expect(try await desk.run("saga pause \(id) --reason x").output.contains("already, \"bank is down\""))
        let doctor = try await desk.run("doctor").output
        #expect(doctor.contains("1 saga is paused; the last is emails/\(id): bank is down"), "\(doctor)")
        #expect(try await desk.run("saga resume \(id) --reason up", environment: actor).code == 0)
        #expect(try await desk.run("saga resume \(id)").code == 5)
        let cancelled = try await desk.run("saga cancel \(id) --reason fraud --json", environment: actor)
        #expect(try cancelled.json()["result"]?.text == "cancelling", "\(cancelled)")
        #expect(try await queue.saga(id)?.state == .undoing)
        let audit = try await desk.run("dead audit --json").json().items
        #expect(audit.compactMap { $0["action"]?.text } == ["saga cancel", "saga resume", "saga pause"])
        #expect(audit.compactMap { $0["reason"]?.text } == ["fraud", "up", "bank is down"])
        #expect(audit.allSatisfy { $0["by"]?.text == "ann@desk" && $0["target"]?.text == id.text })
        for line in ["saga show 1-1", "saga cancel 1-1", "saga resume emails/1-1"] {
            #expect(try await desk.run(line).code == 3, "\(line)")
        }
    }

    @Test func `an export refuses sagas, or counts those that it leaves in the queue`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let (_, waiting) = try await saga(queue)
        try await finish(waiting, "account")
        try await park(waiting)
        let (id, running) = try await saga(queue)
        try await finish(running, "account")
        // Its worker stops, so it is a ready job that remembers.
        let settlement = Settlement(receipt: running.receipt, id: id, outcome: .released, isSaga: true)
        _ = try await queue.settle([settlement], as: ann)
        let plain = try await queue.enqueue("order.charge", data: "{}")
        let refused = try await desk.run("queue export emails")
        #expect(refused.code == 5 && refused.output.isEmpty, "\(refused)")
        #expect(refused.error.contains("emails has 2 sagas (1 running, 1 waiting)"), "\(refused.error)")
        let taken = try await desk.run("queue export emails --without-sagas")
        let lines = taken.output.split(separator: "\n")
        #expect(taken.code == 0 && lines.count == 3 && lines[1].contains(plain.text), "\(taken)")
        #expect(lines.last?.contains("\"sagas\":2") == true && taken.error.contains("2 jobs of sagas"), "\(taken)")
        #expect(try await queue.depth().waiting == 1)
    }

    @Test func `a stuck saga fails the check, and a person decides about its undo`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let (id, store) = try await saga(queue)
        try await finish(store, "account", undo: true)
        #expect(try await store.turn(.failed(cause: .failed, error: "no money"), spent: nil) == .moved)
        let after = try await next(queue)
        #expect(try await after.beginUndo("account") == .go(attempt: 1))
        #expect(try await after.endUndo("account", .stuck(error: "HTTP 410")) == .moved)
        #expect(try await after.end(.stuck, "account: HTTP 410") == .moved)
        let outcome = Outcome.dead(cause: Cause("saga_stuck"), error: "account: HTTP 410")
        let settlement = Settlement(receipt: after.receipt, id: id, outcome: outcome, isSaga: true)
        _ = try await queue.settle([settlement], as: ann)
        let doctor = try await desk.run("doctor")
        #expect(doctor.code == 8 && doctor.output.contains("1 saga is stuck"), "\(doctor.output)")
        #expect(doctor.output.contains("pond why emails/\(id)"))
        #expect(try await desk.run("saga cancel \(id)").code == 5)
        let resolve = "saga resolve \(id) account"
        #expect(try await desk.run("\(resolve) --reason x").code == 2)
        #expect(try await desk.run("\(resolve) --done --retry --reason x").code == 2)
        #expect(try await desk.run("\(resolve) --abandon --reason x").code == 2, "without a yes")
        #expect(try await desk.run("saga resolve \(id) other --retry --reason x").code == 3)
        let done = try await desk.run("\(resolve) --abandon --reason refunded --yes")
        #expect(done.code == 0, "\(done.error)")
        #expect(try await queue.saga(id)?["account"]?.undo == .abandoned)
        #expect(try await queue.auditEntries().map(\.target) == ["\(id) account"])
        #expect(try await desk.run("\(resolve) --retry --reason x").code == 5, "nobody asks any more")
    }

    @Test func `a saga is replayed from a step with another payload`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let (id, store) = try await saga(queue)
        try await finish(store, "account")
        try await finish(store, "card")
        let replay = "saga replay \(id) --from card --reason INC-7"
        #expect(try await desk.run(replay).code == 5, "it goes on still")
        let settlement = Settlement(
            receipt: store.receipt,
            id: id,
            outcome: .dead(cause: .failed, error: "e"),
            isSaga: true
        )
        _ = try await queue.settle([settlement], as: ann)
        #expect(try await desk.run("\(replay) --keys new").code == 2, "without a yes")
        #expect(try await desk.run("\(replay) --patch /nowhere").code == 2)
        #expect(try await desk.run("saga replay \(id) --from nothing --reason x").code == 5)
        let run = try await desk.run(
            replay.split(separator: " ").map(String.init) + ["--patch", "/dev/stdin", "--json"],
            input: "{\"order\":8}"
        )
        #expect(run.code == 0, "\(run.error)")
        let address = try #require(try run.json()["saga"]?.text)
        let new = JobID(String(address.dropFirst("emails/".count)))
        #expect(try await queue.saga(new)?.steps.map(\.name) == ["account"])
        #expect(try await queue.job(new).field("data") == "{\"order\":8}")
        #expect(try await desk.run("saga show \(new)").output.contains("emails/\(id) from step card"))
        #expect(try await queue.auditEntries().first?.result == "\(new), keys same")
    }

    @Test func `a token is answered from standard input, once, and a signal is sent`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        _ = try await desk.queue("other")
        let (id, store) = try await saga(queue)
        let begin = StepBegin("payment", kind: .callback, token: "t0ken", within: .seconds(600))
        #expect(try await store.begin(begin) == .go(attempt: 1, token: "t0ken"))
        #expect(try await store.commit("payment", .sent) == .kept)
        #expect(try await store.wait([SagaWait("payment", .callback, within: .seconds(600))], spent: nil) == .parked)
        #expect(try await desk.run("saga resolve-token wrong").code == 3)
        #expect(try await desk.run("saga resolve-token - --data {").code == 2)
        let answer = ["saga", "resolve-token", "-", "--data", "{\"paid\":true}"]
        let first = try await desk.run(answer, input: "t0ken\n")
        #expect(first.code == 0 && first.output.contains("its saga goes on"), "\(first.error)")
        #expect(try await desk.run(answer, input: "t0ken").output.contains("the same answer before"))
        let other = try await desk.run(["saga", "resolve-token", "t0ken", "--fail", "late"])
        #expect(other.code == 5 && other.error.contains("another answer"))
        #expect(try await queue.saga(id)?["payment"]?.result == Array("{\"paid\":true}".utf8))
        let after = try await next(queue)
        #expect(try await desk.run("saga signal \(id) go --json").json()["result"]?.text == "stored")
        guard case .over = try await after.wait([SagaWait("go", .signal("go"), within: nil)], spent: nil) else {
            Issue.record("the signal was not kept")
            return
        }
    }

    @Test func `the tree of an intent has a saga's steps below it, with what they did`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let (id, store) = try await saga(queue)
        try await finish(store, "take money", undo: true)
        try await park(store)
        let run = try await desk.run("corr \(id) --file /nowhere/history.sqlite --ascii")
        #expect(run.code == 0, "\(run.error)")
        let lines = run.output.split(separator: "\n").map(String.init)
        let step = try #require(lines.first { $0.contains("|- take money") })
        #expect(step.contains("done") && step.contains("#"))
        let wait = try #require(lines.first { $0.contains("`- rest") })
        #expect(wait.contains("until 20") && wait.contains("waiting") && wait.hasSuffix("="))
        #expect(lines[0].contains("1 job in") && lines.contains { $0.contains("= waits without a slot") })
        let json = try await desk.run("corr \(id) --file /nowhere/history.sqlite --json").json()
        let steps = json.items.first?["steps"]
        #expect(
            json.items.count == 1 && steps?[0]?["name"]?.text == "take money" && steps?[0]?["undo"]?.text == "armed"
        )
        #expect(steps?[1]?["kind"]?.text == "sleep" && steps?[1]?["due"]?.text != nil)
        #expect(steps?[1]?["segments"]?[0]?["kind"]?.text == "parked")
        let tail = try await desk.run("tail --event step --json").json()
        #expect(tail["step"]?.text == "take money" && tail["kind_of_job"]?.text == "order.charge")
    }

    @Test func `a saga whose time is over and whose child is gone fails the check`() async throws {
        let desk = try Desk()
        let queue = try await desk.queue()
        let (id, store) = try await saga(queue)
        try await finish(store, "account")
        try await park(store)
        #expect(try await desk.run("doctor").output.contains("time was over") == false)
        try await desk.command("ZADD", .text("\(queue.keys.base):waits"), "1000", .text(id.text))
        var doctor = try await desk.run("doctor")
        #expect(doctor.code == 8 && doctor.output.contains("nobody has woken it: no worker fetches from emails"))
        // Whoever fetches wakes it.
        let after = try await next(queue)
        let pages = SagaChildren("pages", kind: try JobKind("page.fetch"), payloads: [[49]], total: 1, limit: 1)
        #expect(try await after.children(pages) == .go(attempt: 1, token: nil))
        #expect(try await after.wait([SagaWait("pages", .children, within: nil)], spent: nil) == .parked)
        doctor = try await desk.run("doctor")
        #expect(!doctor.output.contains("time was over") && !doctor.output.contains("in no place"), "\(doctor.output)")
        let child = try #require(try await queue.openChildren(of: "pages", in: id, atMost: 1).first)
        // By hand, behind Millpond's back.
        let entry = String(child.text.prefix { $0.isNumber || $0 == "-" })
        try await desk.command("XDEL", .text(queue.keys.ready(.normal)), .text(entry))
        doctor = try await desk.run("doctor")
        #expect(doctor.code == 8 && doctor.output.contains("waits in step pages for job \(child)"), "\(doctor.output)")
        #expect(doctor.output.contains("pond saga resolve emails/\(id) pages --done"))
    }
}
