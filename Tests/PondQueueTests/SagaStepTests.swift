import PondCore
import PondQueue
import PondRedis
import PondSaga
import PondTestKit
import Testing

/// Steps of a saga: what is written down before and after each runs, and what a crash in between leaves.
@Suite(.redis) struct SagaStepTests {
    private func crash(_ bench: Bench) async throws {
        try await bench.reclaimAll(from: .ann)
    }

    @Test func `the first step makes a job a saga, and a step that is done gives its result again`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            #expect(try await store.read() == nil)
            try await store.run("account", "A-1", undo: true)
            let again = try await store.begin(StepBegin("account", hasUndo: true)).record
            #expect(again?.state == .done && again?.result == Array("A-1".utf8) && again?.undo == .armed)
            let record = try #require(try await bench.queue.saga(id))
            #expect(record.state == .running && record.steps.map(\.name) == ["account"])
            #expect(record.steps.map(\.sequence) == [1])
            #expect(try await store.end(.done, "") == .moved)
            let settlement = Settlement(receipt: store.receipt, id: id, outcome: .done, isSaga: true)
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.done])
            try await bench.expect(id, endedAs: "done")
            #expect(try await bench.queue.saga(id)?.state == .done)
            #expect(try #require(try await bench.redis("PTTL", bench.key("saga:\(id.text)")).int) > 0)
        }
    }

    @Test(arguments: StepEffect.allCases)
    func `a step whose worker died runs again, unless it must not`(effect: StepEffect) async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            #expect(try await store.begin(StepBegin("pay", effect: effect)) == .go(attempt: 1, token: nil))
            // A begin whose answer was lost is asked once more by the same worker.
            #expect(try await store.begin(StepBegin("pay", effect: effect)) == .go(attempt: 1, token: nil))
            try await crash(bench)
            let after = try await bench.next(id)
            let answer = try await after.begin(StepBegin("pay", effect: effect))
            if effect == .once {
                #expect(answer.record?.state == .unknown)
            } else {
                #expect(answer == .go(attempt: 2, token: nil))
            }
        }
    }

    @Test func `whoever has lost its job changes nothing`() async throws {
        try await Bench.run { bench in
            let (id, stale) = try await bench.saga()
            _ = try await stale.begin(StepBegin("pay"))
            try await crash(bench)
            let owner = try await bench.next(id, as: .bob)
            #expect(try await stale.commit("pay", .done(result: [1])) == .lost)
            #expect(try await stale.begin(StepBegin("more")) == .lost)
            #expect(try await stale.wait([SagaWait("rest", .sleep, within: .seconds(1))], spent: nil) == .lost)
            #expect(try await stale.turn(.cancelled("late"), spent: nil) == .lost)
            #expect(try await stale.pause("late", spent: nil) == .lost)
            #expect(try await stale.end(.done, "") == .lost)
            #expect(try await owner.begin(StepBegin("pay")) == .go(attempt: 2, token: nil))
            #expect(try await owner.read()?.steps.map(\.name) == ["pay"])
        }
    }

    @Test func `another input or another kind under the same name is a mismatch`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("pay", fingerprint: "eur 5"))
            #expect(try await store.commit("pay", .done(result: [])) == .kept)
            #expect(try await store.begin(StepBegin("pay", fingerprint: "eur 5")).record?.state == .done)
            #expect(try await store.begin(StepBegin("pay")).record?.state == .done)
            for other in [StepBegin("pay", fingerprint: "eur 6"), StepBegin("pay", kind: .callback, token: "t")] {
                guard case .mismatch(let record) = try await store.begin(other) else {
                    Issue.record("no mismatch for \(other)")
                    continue
                }
                #expect(record.fingerprint == "eur 5")
            }
        }
    }

    @Test func `a step that failed is tried again, or has failed for good`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("a", effect: .once, hasUndo: true))
            #expect(try await store.commit("a", .retry(error: "busy")) == .kept)
            // Its own worker has said how it went, so even what must not run twice is known.
            #expect(try await store.begin(StepBegin("a", effect: .once)) == .go(attempt: 2, token: nil))
            #expect(try await store.commit("a", .failed(error: "no", isCertain: false)) == .kept)
            _ = try await store.begin(StepBegin("b", hasUndo: true))
            #expect(try await store.commit("b", .failed(error: "refused", isCertain: true)) == .kept)
            let record = try #require(try await bench.queue.saga(id))
            #expect(record["a"]?.state == .failed && record["a"]?.undo == .armed && record["a"]?.error == "no")
            #expect(record["b"]?.state == .failed && record["b"]?.undo == .skipped)
        }
    }

    @Test func `what a saga keeps for its undos is remembered`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            _ = try await store.begin(StepBegin("a", hasUndo: true, isPivot: true, undoReserve: 0.25))
            #expect(try await bench.redis("HGET", bench.key("saga:\(id.text)"), "undo_reserve").string == "250000")
            let record = try #require(try await store.read()?["a"])
            #expect(record.undo == .armed && record.isPivot)
        }
    }

    @Test func `a result is stored once`() async throws {
        try await Bench.run { bench in
            let (_, store) = try await bench.saga()
            try await store.run("a", "x")
            #expect(try await store.commit("a", .done(result: Array("x".utf8))) == .kept)
            guard case .refused(let text) = try await store.commit("a", .done(result: [9])) else {
                Issue.record("another result was taken")
                return
            }
            #expect(text.contains("ended already"))
        }
    }

    @Test func `bounds are named where they are reached`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            func refusal(_ answer: StepAnswer) -> String { if case .refused(let text) = answer { text } else { "" } }
            let long = String(repeating: "n", count: Limits.stepNameBytesMax + 1)
            #expect(refusal(try await store.begin(StepBegin(long))).contains("step_name_bytes_max"))
            #expect(refusal(try await store.begin(StepBegin("a\nb"))).contains("control characters"))
            _ = try await store.begin(StepBegin("big"))
            let bytes = [UInt8](repeating: 1, count: Limits.stepResultBytesMax + 1)
            guard case .refused(let text) = try await store.commit("big", .done(result: bytes)) else {
                Issue.record("a result over the bound was taken")
                return
            }
            #expect(text.contains("step_result_bytes_max") && text.contains("return a reference"))
            #expect(try await store.commit("big", .done(result: bytes.dropLast())) == .kept)
            let almost = "\(Limits.sagaResultsBytesMax - 65_536)"
            try await bench.redis("HINCRBY", bench.key("saga:\(id.text)"), "bytes", almost)
            #expect(try await store.begin(StepBegin("fits")) == .go(attempt: 1, token: nil))
            #expect(try await store.commit("fits", .done(result: bytes.dropLast())) == .kept)
            #expect(refusal(try await store.begin(StepBegin("more"))).contains("saga_results_bytes_max"))
            try await bench.redis("HDEL", bench.key("saga:\(id.text)"), "bytes")
            try await bench.redis("HSET", bench.key("saga:\(id.text)"), "next", "\(Limits.sagaStepsMax + 1)")
            #expect(refusal(try await store.begin(StepBegin("more"))).contains("saga_steps_max"))
            try await bench.redis("HSET", bench.key("saga:\(id.text)"), "parks", "\(Limits.sagaParksMax)", "next", "9")
            guard
                case .refused(let parks) = try await store.wait(
                    [SagaWait("w", .sleep, within: .seconds(9))],
                    spent: nil
                )
            else {
                Issue.record("one wait more than the bound")
                return
            }
            #expect(parks.contains("saga_parks_max"))
        }
    }

    @Test func `a saga with much to remember is read in pages, and none of its steps is missing`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            let (steps, result) = (150, [UInt8](repeating: 7, count: 16 << 10))
            for name in 0..<steps {
                let answer = try await bench.call(
                    "pond_step",
                    [
                        .text("ann"), .text(store.receipt.stream.rawValue), .text(store.receipt.entry), .text(id.text),
                        "begin", .text("s\(name)"), "step", "keyed", "", "", "", "", "", "commit",
                        .text("s\(name)"), "done", .bytes(result),
                    ]
                )
                #expect(answer.array?.count == 2)
            }
            let record = try #require(try await store.read())
            #expect(record.steps.map(\.name) == (0..<steps).map { "s\($0)" })
            #expect(record.steps.allSatisfy { $0.result == result })
            #expect(try await bench.queue.saga(id, withResults: false)?.steps.count == steps)
            let page = try #require(try await bench.call("pond_saga", id.text, "", "0", "1000").array)
            // What is said of a page's end is in the header; without a cursor all comes at once.
            #expect(page.count < steps && page[0].array?.contains { $0.string == "cursor" } == true)
            #expect(try await bench.call("pond_saga", id.text).array?.count == steps + 1)
            for wrong in [["x", "10"], ["0", "0"], ["0", "1001"], ["0"]] {
                let words = [id.text, ""] + wrong
                #expect(try await bench.refusal("pond_saga", words.map { .text($0) }).contains("INVALID page"))
            }
            #expect(try await bench.call("pond_saga", "1-1", "", "0", "10").array?.isEmpty == true)
        }
    }

    @Test func `sagas are listed by their state, the newest first`() async throws {
        try await Bench.run { bench in
            var ids: [JobID] = []
            for _ in 0..<3 {
                let (id, store) = try await bench.saga()
                try await store.run("a")
                ids.append(id)
            }
            #expect(try await bench.queue.sagas(in: .running).count == 3)
            #expect(Set(try await bench.queue.sagas(in: .running).map(\.id)) == Set(ids))
            #expect(try await bench.queue.sagas(in: .running, after: 1, atMost: 1).count == 1)
            #expect(try await bench.queue.sagas(in: .waiting) == [])
            #expect(try await bench.queue.sagas(in: .running).first?.kind == "a.b")
            #expect(try await bench.queue.sagaCounts()[.running] == 3)
        }
    }

    @Test func `a saga that ended an hour ago leaves the list by itself`() async throws {
        try await Bench.run { bench in
            let (id, store) = try await bench.saga()
            try await store.run("a")
            let settlement = Settlement(receipt: store.receipt, id: id, outcome: .done, isSaga: true)
            #expect(try await bench.queue.settle([settlement], as: .ann) == [.done])
            #expect(try await bench.queue.sagas(in: .done).map(\.id) == [id])
            let hourAgo = 6 * 10_000_000_000_000 + (try await bench.now()) - 3_700_000
            try await bench.redis("ZADD", bench.key("sagas"), "\(hourAgo)", id.text)
            try await bench.call("pond_beat", "ann", "10000", "1", "{}")
            #expect(try await bench.redis("ZCARD", bench.key("sagas")).int == 0)
        }
    }

    @Test func `a job that is tried again is known as a saga when it comes back`() async throws {
        try await Bench.run { bench in
            let id = try await bench.add()
            let delivery = try await bench.fetchOne()
            try await bench.store(delivery).run("a")
            try await bench.settle(delivery, .retry(after: .zero, error: "e"))
            let job = try await bench.fetchOne().job.get()
            #expect(job.id == id && job.isSaga)
        }
    }

    @Test func `a job that never says step costs no key`() async throws {
        try await Bench.run { bench in
            _ = try await bench.add()
            try await bench.settle(try await bench.fetchOne(), .done)
            for name in ["sagas", "waiting", "waits"] {
                #expect(try await bench.redis("EXISTS", bench.key(name)).int == 0)
            }
            #expect(try await bench.redis("HEXISTS", bench.key("meta"), "waits").int == 0)
        }
    }

    @Test func `a token is kept as its hash`() {
        #expect(
            TokenHash.of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
    }
}
