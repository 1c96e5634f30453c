import PondCore
import PondTestKit
import Testing

/// What a job leaves behind under its key, on every store there is.
@Suite(.redis) struct EndTests {
    @Test(arguments: Bench.all) func `a result leaves its checksum, and itself only when it was to be kept`(
        bench: Bench
    ) async throws {
        try await bench.run { bench async throws in
            let bytes = Array("café\u{0}".utf8) + [0xff]
            let job = try await bench.claimed(JobOrder(key: "a"))
            #expect(try await bench.store.end(job, as: .done(JobResult(bytes))))
            let record = try #require(try await bench.record(of: job))
            // printf 'café\0\377' | sha1sum
            #expect(record.checksum == "9ad9c2561cf19b69" && record.result == nil && record.endedAt != nil)
            let keeper = try await bench.claimed(JobOrder(key: "b"))
            #expect(try await bench.store.end(keeper, as: .done(JobResult(bytes, keptFor: .seconds(600)))))
            #expect(try await bench.record(of: keeper)?.result == bytes)
            let silent = try await bench.claimed(JobOrder(key: "c"))
            #expect(try await bench.store.end(silent, as: .done(nil)))
            #expect(try await bench.record(of: silent)?.checksum == nil)
            let empty = try await bench.claimed(JobOrder(key: "d"))
            #expect(try await bench.store.end(empty, as: .done(JobResult([], keptFor: .seconds(600)))))
            #expect(try await bench.record(of: empty)?.checksum == "da39a3ee5e6b4b0d")
            #expect(try await bench.record(of: empty)?.result == [])
        }
    }

    @Test(arguments: Bench.all) func `a result of the largest size is kept, and a larger one refused`(
        bench: Bench
    ) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            let bytes = [UInt8](repeating: 0, count: Limits.resultBytesMax + 1)
            await #expect(throws: (any Error).self) {
                try await bench.store.end(job, as: .done(JobResult(bytes, keptFor: .seconds(60))))
            }
            #expect(try await bench.record(of: job)?.state == .running)
            let largest = JobResult(Array(bytes.dropLast()), keptFor: .seconds(60))
            #expect(try await bench.store.end(job, as: .done(largest)))
            #expect(try await bench.record(of: job)?.result == largest.bytes)
        }
    }

    @Test(arguments: Bench.all) func `a result is gone after its own window, and its checksum stays`(
        bench: Bench
    ) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: .done(JobResult([1], keptFor: .seconds(600)))))
            guard try await bench.pass(.seconds(601)) else { return }
            let record = try #require(try await bench.record(of: job))
            #expect(record.result == nil && record.checksum != nil && record.state == .done)
            let other = try await bench.deliver()
            #expect(try await bench.store.claim(other) == .duplicate(record))
        }
    }

    @Test(arguments: Bench.all, [KeyEnding.done(JobResult([7])), .done(nil), .dead, .released])
    func `an end that is repeated answers the same and changes nothing`(bench: Bench, ending: KeyEnding) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: ending))
            let record = try await bench.record(of: job)
            for _ in 0..<2 { #expect(try await bench.store.end(job, as: ending)) }
            #expect(try await bench.record(of: job) == record)
        }
    }

    @Test(arguments: Bench.all, [KeyEnding.done(nil), .dead, .released])
    func `the end of a stale delivery is refused and changes nothing`(bench: Bench, ending: KeyEnding) async throws {
        try await bench.run { bench async throws in
            let stale = try await bench.claimed()
            let job = try await bench.takeOver(stale)
            #expect(try await bench.store.claim(job) == .claimed)
            let record = try await bench.record(of: job)
            #expect(try await bench.store.end(stale, as: ending) == false)
            #expect(try await bench.record(of: job) == record)
            #expect(try await bench.store.end(job, as: .done(nil)))
            #expect(try await bench.store.end(stale, as: ending) == false)
            #expect(try await bench.record(of: job)?.state == .done)
        }
    }

    @Test(arguments: Bench.all, [KeyEnding.done(nil), .dead, .released])
    func `the end of another job is refused and changes nothing`(bench: Bench, ending: KeyEnding) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            let other = try await bench.deliver()
            let record = try await bench.record(of: job)
            #expect(try await bench.store.end(other, as: ending) == false)
            #expect(try await bench.record(of: job) == record)
        }
    }

    @Test(arguments: Bench.all) func `a key that was let go is free for another job`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: .released))
            #expect(try await bench.record(of: job) == nil)
            let other = try await bench.deliver(JobOrder(kind: "order.bill", data: "8"))
            #expect(try await bench.store.claim(other) == .claimed)
            #expect(try await bench.record(of: other)?.id == other.id)
        }
    }

    @Test(arguments: Bench.all, [KeyEnding.done(nil), .dead])
    func `after its window a key is free for anything`(bench: Bench, ending: KeyEnding) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            #expect(try await bench.store.end(job, as: ending))
            guard try await bench.passWindow() else { return }
            #expect(try await bench.record(of: job) == nil)
            let other = try await bench.deliver(JobOrder(data: "something else"))
            #expect(try await bench.store.claim(other) == .claimed)
            #expect(try await bench.store.end(job, as: ending) == false)
        }
    }

    @Test(arguments: Bench.all) func `the key of a job that runs is never free`(bench: Bench) async throws {
        try await bench.run { bench async throws in
            let job = try await bench.claimed()
            guard try await bench.passWindow() else { return }
            let other = try await bench.deliver()
            let record = try #require(try await bench.record(of: job))
            #expect(try await bench.store.claim(other) == .duplicate(record))
            #expect(try await bench.store.end(job, as: .done(nil)))
        }
    }
}
