import PondBenchKit
import PondCore
import PondQueue
import PondRedis

// Sagas beside the least that Redis has to do for the same records: each step is written before it runs and after.
extension Stage {
    /// Steps a second of one pinned worker.
    func sagaSteps() async throws -> Sample {
        let floor = try await floorRecords()
        let ours: DrainFigures = try await client("saga-steps", ["--jobs", "\(sizes.sagas)"])
        let cpu = ours.cpuSeconds / Double(ours.jobs) * 1e6
        return Sample(ours: ours.pace.perSecond, floor: floor.perSecond, extras: ["worker_cpu_us": cpu])
    }

    /// What Redis spends on a step, its begin and its end; the saga's own beginning and end are shared by its steps.
    func sagaCPU() async throws -> Sample {
        let start = try await serverCPU()
        let floor = try await floorRecords()
        let middle = try await serverCPU()
        let ours: DrainFigures = try await client("saga-steps", ["--jobs", "\(sizes.sagas)"])
        let end = try await serverCPU()
        return Sample(
            ours: (end - middle) / Double(ours.jobs) * 1e6,
            floor: (middle - start) / Double(floor.jobs) * 1e6
        )
    }

    private func floorRecords() async throws -> Pace {
        try await floor("records", jobs: sizes.sagas * SagaBench.stepsEach)
    }

    /// Memory of a saga that waits, of five steps with results of 200 bytes, without what the journal tells of it.
    func sagaBytes() async throws -> Sample {
        let empty = try await serverBytes()
        try await writeBareSagas()
        let bare = try await serverBytes() - empty
        try await clear()
        let queue = try queue
        _ = try await queue.open()
        let before = try await serverBytes()
        let _: Pace = try await client("saga-park", ["--jobs", "\(sizes.parked)"])
        _ = try await raw.send(RedisCommand("DEL", .text("\(queue.keys.base):journal")))
        let ours = try await serverBytes() - before
        return Sample(ours: ours / Double(sizes.parked), floor: bare / Double(sizes.parked))
    }

    /// The envelope, its place among those that wait, a header of three words and five results.
    private func writeBareSagas() async throws {
        let envelope = String(decoding: BenchPayload.bytes(), as: UTF8.self)
        let result = String(repeating: "r", count: 200)
        for number in 0..<sizes.parked {
            let id = "1732374245000-\(number)"
            _ = try await raw.send(RedisCommand("HSET", "bare:waiting", .text(id), .text(envelope)))
            _ = try await raw.send(RedisCommand("ZADD", "bare:waits", "1732374245000", .text(id)))
            var words: [RedisArgument] = [
                .text("bare:saga:\(id)"), "state", "waiting", "since_ms", "1732374245000", "next", "7",
            ]
            for step in 0..<5 { words += [.text("step:step-\(step)"), .text(result)] }
            _ = try await raw.send(RedisCommand("HSET", words))
        }
    }

    /// How late timers and answers bring sagas back, in milliseconds.
    func sagaLateness(_ what: String, _ sagas: Int) async throws -> Sample {
        let ours: LatencyFigures = try await client(what, ["--jobs", "\(sagas)", "--slots", "10"])
        return Sample(ours: ours.p99 / 1e3, floor: nil, extras: ours.extras)
    }
}
