import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondSaga
import PondTestKit
import Testing

/// A deploy while sagas sleep: the new build has one step more, and one under another name.
@Suite(.serialized, .redis) struct SagaDeployTests {
    /// How many sagas; the acceptance run sets 500.
    private static let count = ProcessInfo.processInfo.environment["MILLPOND_DEPLOY_SAGAS"].flatMap { Int($0) } ?? 30
    /// How long they sleep: long enough for all of them to be asleep when the workers are replaced.
    private static let sleep = max(6, count / 10)

    private static let helper = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/handlers/python").path

    /// The flow as the builds 1, 2 and 3 have it; each effect is a line in a file.
    private static let program = """
        import sys
        sys.path.insert(0, "\(helper)")
        from millpond import handles, run
        build, effects = int(sys.argv[1]), sys.argv[2]

        def does(what):
            def act(*given):
                with open(effects, "a") as file:
                    file.write(f"{what} {given[-1].key}\\n")
            return act

        @handles("order.flow", attempts=3)
        def flow(job):
            sleeps = job["data"]["sleeps"]
            job.step("label", does("label"), undo=does("undo"))
            if sleeps == "early":
                job.sleep("think", job["data"]["seconds"])
            if build > 1:
                job.step("check", does("check"))
            # Build 3 mends what build 2 did wrong: who has charged goes on under the old name.
            name = "charge-card" if build == 2 or build == 3 and sleeps == "early" else "charge"
            job.step(name, does("charge"), undo_always=does("undo"))
            if sleeps == "late":
                job.sleep("cool-off", job["data"]["seconds"])
            job.step("letter", does("letter"))

        run()
        """

    @Test func `sagas that sleep before the change go on, the others are paused with the step's name, and none fails`()
        async throws
    {
        let place = try Place()
        try await withDirectory { folder in
            try Self.program.write(toFile: "\(folder)/flow.py", atomically: true, encoding: .utf8)
            let ids = try await enqueue(on: place)
            try await withWorkers(of: 1, place, folder) {
                try await counts("all sleep", place) { $0[.waiting] == Self.count }
            }
            #expect(
                try await place.queue.sagaCounts()[.waiting] == Self.count,
                "the old workers have gone, and all sleep"
            )
            try await withWorkers(of: 2, place, folder) {
                try await counts("half go on, half are paused", place, within: Self.sleep + 60) {
                    $0[.done, default: 0] + $0[.paused, default: 0] == Self.count
                }
            }
            try await judge(ids, place, charges: "\(folder)/effects")
            for id in ids.late {
                #expect(try await place.queue.resumeSaga(id, because: "build 3 has the step again") == .moved)
            }
            try await withWorkers(of: 3, place, folder) {
                try await counts("all are done", place) { $0[.done] == Self.count }
            }
            let charges = try lines("\(folder)/effects").filter { $0.hasPrefix("charge ") }
            #expect(charges.count == Self.count && Set(charges).count == Self.count)
            #expect(try await place.queue.depth().dead == 0)
        }
    }

    private func enqueue(on place: Place) async throws -> (early: [JobID], late: [JobID]) {
        var ids: [String: [JobID]] = [:]
        for number in 0..<Self.count {
            let sleeps = number.isMultiple(of: 2) ? "early" : "late"
            let data = "{\"sleeps\":\"\(sleeps)\",\"seconds\":\(Self.sleep)}"
            let job = NewJob(kind: try JobKind("order.flow"), data: Array(data.utf8))
            ids[sleeps, default: []].append(try await place.queue.enqueue(job).id)
        }
        return (ids["early"] ?? [], ids["late"] ?? [])
    }

    /// Runs two workers of a build beside `body`, and stops them as a deploy does.
    private func withWorkers(
        of build: Int,
        _ place: Place,
        _ folder: String,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let program = "exec python3 \(folder)/flow.py \(build) \(folder)/effects"
        let options = ["worker", "--slots", "4", "--exec", program] + place.options
        try await Child.run(options) { first in
            try await first.line("worker ready")
            try await Child.run(options) { second in
                try await second.line("worker ready")
                try await body()
                for worker in [first, second] { worker.send(SIGTERM) }
                try await second.exit()
            }
            try await first.exit()
        }
    }

    /// Waits until as many sagas are in each state as is wished.
    private func counts(
        _ what: String,
        _ place: Place,
        within seconds: Int = 60,
        _ holds: ([SagaRecord.State: Int]) -> Bool
    ) async throws {
        var last: [SagaRecord.State: Int] = [:]
        try await eventually(what, within: .seconds(seconds), says: { "\(last.filter { $0.value > 0 })" }) {
            last = try await place.queue.sagaCounts()
            return holds(last)
        }
    }

    private func judge(_ ids: (early: [JobID], late: [JobID]), _ place: Place, charges file: String) async throws {
        for id in ids.early {
            let saga = try #require(try await place.queue.saga(id))
            #expect(
                saga.state == .done && saga.steps.map(\.name) == ["label", "think", "check", "charge-card", "letter"]
            )
        }
        let reason = "plan_mismatch: charge (handler: charge-card)"
        for id in ids.late {
            let saga = try #require(try await place.queue.saga(id))
            #expect(saga.state == .paused && saga.reason == reason, "\(saga.state) \(saga.reason)")
            #expect(saga.steps.map(\.name) == ["label", "charge", "cool-off", "check"])
        }
        // Whatever the step is called, nobody was charged twice.
        #expect(try lines(file).count { $0.hasPrefix("charge ") } == Self.count)
        #expect(try lines(file).allSatisfy { !$0.hasPrefix("undo") })
    }

    private func lines(_ file: String) throws -> [Substring] {
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    }
}
