import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// Fan-outs: every child's end is counted once, whatever it was, so that no parent waits for ever.
@Suite(.redis) struct SagaChildrenTests {
    private func fanOut(
        _ payloads: [String],
        _ policy: SagaChildren.Policy = .all,
        limit: Int = 10
    ) throws -> SagaChildren {
        let bytes = payloads.map { Array($0.utf8) }
        return SagaChildren("pages", kind: try JobKind("child"), payloads: bytes, policy: policy, limit: limit)
    }

    private let join = SagaWait("pages", .children, within: nil)

    /// A saga that is parked until its children have ended.
    private func parent(_ bench: Bench, _ children: SagaChildren) async throws -> JobID {
        let (id, store) = try await bench.saga()
        #expect(try await store.children(children) == .go(attempt: 1, token: nil))
        #expect(try await store.wait([join], spent: nil) == .parked)
        return id
    }

    @discardableResult
    private func end(
        _ bench: Bench,
        _ delivery: Delivery,
        _ outcome: Outcome,
        _ result: String = ""
    ) async throws
        -> SettleAnswer?
    {
        let settlement = Settlement(
            receipt: delivery.receipt,
            id: delivery.id,
            outcome: outcome,
            result: JobResult(Array(result.utf8)),
            isSaga: true
        )
        return try await bench.queue.settle([settlement], as: .ann).first
    }

    @Test func `as many children run at a time as may, and their results come back in order`() async throws {
        try await Bench.run { bench in
            let id = try await parent(bench, try fanOut(["a", "b", "c"], limit: 2))
            let first = try await bench.fetch()
            #expect(try first.map { try $0.job.get().data } == [Array("a".utf8), Array("b".utf8)])
            #expect(try first[0].job.get().isChild)
            #expect(try first[0].job.get().correlationID == id.text)
            try await end(bench, first[0], .done, "A")
            // The same end once more counts nothing.
            #expect(try await end(bench, first[0], .done, "A") == .lost)
            let last = try await bench.fetch()
            #expect(last.count == 1)
            try await end(bench, last[0], .done, "C")
            try await bench.expect(id, in: .waiting)
            try await end(bench, first[1], .done, "B")
            let store = try await bench.next(id)
            #expect(try await store.wait([join], spent: nil).record?.state == .done)
            let ends = try await store.ends(of: "pages", 0..<3)
            #expect(ends == ["A", "B", "C"].map { .done(result: Array($0.utf8)) })
            // Begun again after a crash, the fan-out starts nobody.
            #expect(try await store.children(try fanOut(["a", "b", "c"])).record?.state == .done)
            #expect(try await bench.fetch().isEmpty)
        }
    }

    /// The ends of a child other than done.
    private static let ends: [(String, @Sendable (Bench, Delivery) async throws -> Void)] = [
        ("dead", { try await $0.settle($1, .dead(cause: .failed, error: "boom")) }),
        ("cancelled", { try await $0.settle($1, .cancelled) }),
        ("expired", { try await $0.settle($1, .expired) }),
        (
            "cancelled",
            { bench, child in
                try await bench.settle(child, .released)
                #expect(try await bench.queue.cancel(child.id) == .cancelled)
            }
        ),
        (
            "dead poison",
            { bench, child in
                try await bench.reclaimAll(from: .ann)
                for _ in 1..<Limits.recoveriesMax {
                    _ = try await bench.fetchAndStart()
                    try await bench.reclaimAll(from: .ann)
                }
            }
        ),
        (
            "cancelled",
            { bench, child in
                try await bench.settle(child, .retry(after: .seconds(600), error: "e"))
                #expect(try await bench.queue.purge(.held).count == 1)
            }
        ),
    ]

    @Test(arguments: 0..<6) func `a child that ends badly is counted, however it ends`(place: Int) async throws {
        try await Bench.run { bench in
            let id = try await parent(bench, try fanOut(["a"]))
            let (word, way) = Self.ends[place]
            try await way(bench, try await bench.fetchOne())
            let store = try await bench.next(id)
            let record = try #require(try await store.wait([join], spent: nil).record)
            #expect(record.state == .failed && record.error.contains(word), "\(record.error)")
            guard case .failed(let text) = try await store.ends(of: "pages", 0..<1).first else {
                Issue.record("the child's end is not there")
                return
            }
            #expect(text.hasPrefix(word))
        }
    }

    @Test func `a join is over when its policy says so, and cancels the rest`() async throws {
        try await Bench.run { bench in
            let id = try await parent(bench, try fanOut(["a", "b", "c", "d"], .quorum(2), limit: 3))
            let children = try await bench.fetch()
            #expect(children.count == 3)
            try await end(bench, children[0], .done)
            try await bench.settle(children[1], .dead(cause: .failed, error: "e"))
            try await bench.expect(id, in: .waiting)
            let fourth = try await bench.fetchOne()
            try await end(bench, fourth, .done)
            let store = try await bench.next(id)
            #expect(try await store.wait([join], spent: nil).record?.state == .done)
            #expect(try await bench.redis("HKEYS", bench.key("cancel")).array?.map(\.string) == [children[2].id.text])
            // Its end comes when the join is over, and changes nothing but what is known of it.
            try await bench.settle(children[2], .cancelled)
            #expect(try await store.ends(of: "pages", 2..<3) == [.failed(error: "cancelled")])
        }
    }

    @Test func `the best effort waits for all and does not fail`() async throws {
        try await Bench.run { bench in
            let id = try await parent(bench, try fanOut(["a", "b"], .bestEffort))
            for child in try await bench.fetch() { try await bench.settle(child, .cancelled) }
            #expect(try await bench.next(id).wait([join], spent: nil).record?.state == .done)
        }
    }

    @Test func `a fan-out of none is over at once`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            #expect(try await store.children(try fanOut([])) == .go(attempt: 1, token: nil))
            #expect(try await store.wait([join], spent: nil).record?.state == .done)
        }
    }

    @Test func `pages come in order, and one that comes again starts nobody`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            func page(_ texts: [String], _ offset: Int) throws -> SagaChildren {
                var page = try fanOut(texts)
                (page.offset, page.total) = (offset, 4)
                return page
            }
            #expect(try await store.children(try page(["a", "b"], 0)) == .go(attempt: 1, token: nil))
            #expect(try await store.read()?["pages"]?.state == .running)
            guard case .refused = try await store.wait([join], spent: nil) else {
                Issue.record("a saga waited for children that it had not given")
                return
            }
            guard case .refused = try await store.children(try page(["d"], 3)) else {
                Issue.record("a page was left out")
                return
            }
            for _ in 0..<2 {
                #expect(try await store.children(try page(["c", "d"], 2)) == .go(attempt: 1, token: nil))
            }
            #expect(try await store.read()?["pages"]?.state == .waiting)
            #expect(try await bench.fetch().count == 4)
        }
    }

    @Test func `a saga that turns takes its children with it`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            #expect(try await store.children(try fanOut(["a", "b", "c"], limit: 2)) == .go(attempt: 1, token: nil))
            #expect(try await store.wait([join], spent: nil) == .parked)
            let running = try await bench.fetchOne()
            #expect(try await bench.queue.cancel(id) == .cancelling)
            // The queued one is gone, the running one hears it, and the third never starts.
            #expect(try await bench.redis("HKEYS", bench.key("cancel")).array?.map(\.string) == [running.id.text])
            #expect(try await bench.fetch().isEmpty)
            try await bench.settle(running, .cancelled)
            #expect(try await bench.fetchOne().id == id)
            #expect(try await bench.fetch().isEmpty)
        }
    }

    /// How a saga comes to turn round while its children run.
    enum Turning: CaseIterable, Sendable {
        case cancelledWaiting, cancelledRunning, failed, purged
    }

    @Test(arguments: Turning.allCases)
    func `nothing is undone before the last child has ended, and the fan-out's undo comes in its place`(
        turning: Turning
    ) async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            var children = try fanOut(["x", "y"])
            children.hasUndo = true
            #expect(try await store.children(children) == .go(attempt: 1, token: nil))
            let kids = try await bench.fetch()
            switch turning {
            case .cancelledWaiting:
                #expect(try await store.wait([join], spent: nil) == .parked)
                #expect(try await bench.queue.cancel(id) == .cancelling)
            case .cancelledRunning:
                #expect(try await bench.queue.cancel(id) == .cancelling)
                #expect(try await store.turn(.cancelled("cancelled"), spent: nil) == .moved)
            case .failed:
                #expect(try await store.turn(.failed(cause: .failed, error: "no"), spent: nil) == .moved)
            case .purged:
                let settlement = Settlement(receipt: store.receipt, id: id, outcome: .released, isSaga: true)
                _ = try await bench.queue.settle([settlement], as: .ann)
                #expect(try await bench.queue.purge(.ready).count == 1)
            }
            try await bench.expect(id, in: .waiting)
            #expect(try await bench.queue.saga(id)?.state == .undoing)
            try await end(bench, kids[0], .done, "X")
            // Neither a look nor a pause in between lets it go on before its time.
            try await bench.redis("ZADD", bench.key("waits"), "XX", "1", id.text)
            #expect(try await bench.fetch().isEmpty)
            #expect(try await bench.queue.pauseSaga(id, because: "look") == .moved)
            #expect(try await bench.queue.resumeSaga(id, because: "") == .moved)
            try await bench.expect(id, in: .waiting)
            try await bench.settle(kids[1], .cancelled)
            let undoing = try await bench.next(id)
            #expect(try await undoing.ends(of: "pages", 0..<2) == [.done(result: [88]), .failed(error: "cancelled")])
            try await undoing.undo("pages")
            try await undoing.undo("a")
            let end: SagaRecord.State = turning == .failed ? .compensated : .cancelled
            #expect(try await undoing.end(end, "") == .moved)
        }
    }

    @Test func `a child that undoes is waited for, and one that is stuck is not`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a", undo: true)
            #expect(try await store.children(try fanOut(["x"])) == .go(attempt: 1, token: nil))
            let child = try await bench.fetchOne()
            try await bench.store(child).run("b", undo: true)
            #expect(try await store.turn(.cancelled("no"), spent: nil) == .moved)
            #expect(try await bench.store(child).turn(.cancelled("no"), spent: nil) == .moved)
            let undoing = try await bench.fetchOne()
            #expect(undoing.id == child.id)
            #expect(try await bench.store(undoing).beginUndo("b") == .go(attempt: 1))
            #expect(try await bench.store(undoing).endUndo("b", .stuck(error: "gone")) == .moved)
            #expect(try await bench.store(undoing).end(.stuck, "b: gone") == .moved)
            try await end(bench, undoing, .dead(cause: Cause("saga_stuck"), error: "b: gone"))
            #expect(try await bench.fetchOne().id == id)
        }
    }

    @Test func `a join whose time is up has failed, and cancels the rest`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            #expect(try await store.children(try fanOut(["a", "b"], limit: 1)) == .go(attempt: 1, token: nil))
            let child = try await bench.fetchOne()
            let wait = SagaWait("pages", .children, within: .milliseconds(5))
            #expect(try await store.wait([wait], spent: nil) == .parked)
            let record = try await bench.woken(id).0.wait([wait], spent: nil).record
            #expect(record?.state == .failed && record?.error == "timed out")
            #expect(try await bench.redis("HKEYS", bench.key("cancel")).array?.map(\.string) == [child.id.text])
            try await bench.settle(child, .cancelled)
            #expect(try await bench.fetch().isEmpty)
        }
    }

    @Test func `bounds of a fan-out are named`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            var many = try fanOut(["a"])
            many.total = Limits.sagaChildrenMax + 1
            guard case .refused(let text) = try await store.children(many) else {
                Issue.record("too many children were taken")
                return
            }
            #expect(text.contains("saga_children_max"))
            let wide = try fanOut(["a"], limit: Limits.sagaChildrenAtOnceMax + 1)
            guard case .refused(let other) = try await store.children(wide) else {
                Issue.record("too many at a time were taken")
                return
            }
            #expect(other.contains("saga_children_at_once_max"))
        }
    }

    @Test func `sagas are nested only so deep`() async throws {
        try await Bench.run { bench in
            var (id, store) = try await bench.saga()
            for _ in 0..<Limits.sagaDepthMax {
                #expect(try await store.children(try fanOut(["a"])) == .go(attempt: 1, token: nil))
                let child = try await bench.fetchOne()
                (id, store) = (child.id, bench.store(child))
            }
            #expect(try await store.children(try fanOut(["a"])) == .go(attempt: 1, token: nil))
            let tooDeep = bench.store(try await bench.fetchOne())
            guard case .refused(let text) = try await tooDeep.begin(StepBegin("a")) else {
                Issue.record("nested too deep under \(id)")
                return
            }
            #expect(text.contains("saga_depth_max"))
        }
    }

    @Test func `children have the tries and the time of their step, and a join that fails its own cause`() async throws
    {
        try await Bench.run { bench in
            var children = try fanOut(["a"])
            (children.hasUndo, children.attemptsMax, children.timeout) = (true, 4, .seconds(7))
            let id = try await parent(bench, children)
            let child = try await bench.fetchOne()
            #expect(try child.job.get().attemptsMax == 4)
            #expect(try child.job.get().timeout == .seconds(7))
            #expect(try await bench.queue.saga(id)?["pages"]?.undo == .armed)
            try await bench.settle(child, .dead(cause: .failed, error: "no money"))
            let error = try await bench.queue.saga(id)?["pages"]?.error ?? ""
            #expect(error.hasPrefix("children_failed: child 0") && error.hasSuffix("no money"), "\(error)")
        }
    }

    @Test func `what has not ended is listed with its step and its time, what wants a person first`() async throws {
        try await Bench.run { bench in
            #expect(try await bench.queue.openSagas(atMost: 10).isEmpty)
            #expect(try await bench.queue.sagaCensus().counts.isEmpty)
            let id = try await parent(bench, try fanOut(["a", "b"], limit: 1))
            let child = try await bench.fetchOne()
            #expect(try await bench.queue.openChildren(of: "pages", in: id, atMost: 5) == [child.id])
            try await end(bench, child, .done)
            let second = try await bench.fetchOne()
            #expect(try await bench.queue.openChildren(of: "pages", in: id, atMost: 5) == [second.id])
            let other = try await bench.saga()
            try await other.store.run("money", undo: true)
            let night = SagaWait("night", .sleep, within: .seconds(600))
            #expect(try await other.store.wait([night], spent: nil) == .parked)
            var open = try await bench.queue.openSagas(atMost: 10)
            #expect(open.map(\.id) == [other.id, id] && open.map(\.step) == ["night", "pages"])
            #expect(open[0].due != nil && open[1].due == nil && open.allSatisfy { $0.state == .waiting })
            #expect(try await bench.queue.pauseSaga(id, because: "look") == .moved)
            open = try await bench.queue.openSagas(atMost: 1)
            #expect(
                open.map(\.id) == [id] && open[0].state == .paused && open[0].reason == "look" && open[0].due == nil
            )
            let census = try await bench.queue.sagaCensus()
            #expect(census.counts[.paused] == 1 && census.counts[.waiting] == 1 && census.overdue == .zero)
            try await bench.redis("ZADD", bench.key("waits"), "1000", other.id.text)
            #expect(try await bench.queue.sagaCensus().overdue > .seconds(3_600))
        }
    }
}
