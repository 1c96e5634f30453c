import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondTestKit
import Testing

/// Dead jobs that programs of other languages undo, under `pond worker`.
@Suite(.serialized, .redis) struct CompensationTests {
    private func options(_ place: Place, _ more: String...) -> [String] {
        ["worker", "--slots", "1"] + place.options + more
    }

    private func lines(_ path: String) throws -> [String] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try String(contentsOf: URL(filePath: path), encoding: .utf8).split(separator: "\n").map { String($0) }
    }

    private func enqueue(_ place: Place, key: String) async throws -> JobID {
        let job = NewJob(kind: try JobKind("bank.charge"), data: Array("{}".utf8), options: try .once(key))
        return try await place.queue.enqueue(job).id
    }

    /// Fails the work; the first compensation hangs, the second ends well.
    private static let program = """
        import json, os, sys, time
        for line in sys.stdin:
            job = json.loads(line)
            if job["type"] != "job": continue
            phase = job.get("phase", "work")
            with open("FOLDER/seen", "a") as file: file.write(phase + " " + job.get("key", "") + "\\n")
            if phase == "work":
                answer = {"type": "fail", "error": "declined"}
            elif not os.path.exists("FOLDER/hung"):
                open("FOLDER/hung", "w").close()
                time.sleep(600)
            else:
                answer = {"type": "done"}
            sys.stdout.write(json.dumps(dict(answer, id=job["id"])) + "\\n")
            sys.stdout.flush()
        """

    @Test func `a compensation whose worker is killed runs again, and the work never`() async throws {
        let place = try Place()
        try await withDirectory { folder in
            let text = Self.program.replacing("FOLDER", with: folder)
            try Data(text.utf8).write(to: URL(filePath: "\(folder)/handler.py"))
            let worker = options(place, "--exec", "exec python3 \(folder)/handler.py", "--compensates")
            let id = try await enqueue(place, key: "order-7")
            try await Child.run(worker) { first in
                try await place.eventually("the work is dead", within: .seconds(90)) {
                    $0.dead == 1 && $0.inFlight == 0
                }
                #expect(try await place.queue.compensate([id]) == [.enqueued])
                try await eventually("it is being undone", says: first.log) { try lines("\(folder)/seen").count == 2 }
                try await Child.run(worker) { second in
                    first.send(SIGKILL)
                    try await first.exit()
                    try await place.eventually("it is undone", within: .seconds(90)) {
                        $0.ready + $0.inFlight + $0.held + $0.dead == 0
                    }
                    second.send(SIGTERM)
                    try await second.exit()
                }
            }
            #expect(
                try lines("\(folder)/seen") == [
                    "work order-7", "compensate order-7:compensate", "compensate order-7:compensate",
                ]
            )
            #expect(try await place.journal("compensated") == [id.text])
            #expect(try await place.queue.record(of: try IdempotencyKey("order-7")) == nil)
        }
    }

    @Test func `a group is undone in stages by a real worker, and what fails stops it and has a group of its own`()
        async throws
    {
        let place = try Place()
        // The work fails; undoing fails for odd orders while there is no file `mended`.
        let handler = "read -r n; [ -n \"$MILLPOND_PHASE\" ] && { [ $((n % 2)) = 0 ] || [ -e FOLDER/mended ]; }"
        try await withDirectory { folder in
            let command = handler.replacing("FOLDER", with: folder)
            let worker = options(
                place,
                "--exec-once",
                command,
                "--attempts",
                "1",
                "--compensates",
                "--metrics-port",
                "0"
            )
            try await Child.run(worker) { worker in
                for number in 0..<12 {
                    let job = NewJob(kind: try JobKind("bank.charge"), data: Array("\(number)\n".utf8))
                    _ = try await place.queue.enqueue(job)
                }
                try await place.eventually("all are dead", within: .seconds(90)) { $0.dead == 12 && $0.inFlight == 0 }
                let group = try #require(try await place.queue.groups().first?.id)
                let compensate = ["dead", "compensate", "--yes", "--json"] + place.options
                let stopped = try await Child.run(compensate + ["\(group)"])
                #expect(stopped.code == 8, "\(stopped.error)")
                let groups = try await place.queue.groups().filter { $0.count > 0 }
                let failed = try #require(groups.first { $0.id != group })
                #expect(groups.count == 2 && failed.title.hasPrefix("compensation: ") && (1...3).contains(failed.count))
                try Data().write(to: URL(filePath: "\(folder)/mended"))
                for id in [failed.id, group] {
                    let run = try await Child.run(compensate + ["\(id)"])
                    #expect(run.code == 0, "\(run.error)")
                }
                #expect(try await place.queue.depth().dead == 0)
                // A job ends once, however often it was undone in vain.
                let text = try await HTTPProbe.get("/metrics", port: try await worker.metricsPort())
                let queue = place.queue.name.text
                #expect(
                    text.contains("millpond_job_total_seconds_count{class=\"B\",queue=\"\(queue)\"} 12\n"),
                    "\(text)"
                )
                worker.send(SIGTERM)
                try await worker.exit()
            }
            #expect(Set(try await place.journal("compensated")).count == 12)
            #expect(try await place.queue.depth().done == 0)
        }
    }

    @Test func `a program that was not said to undo is not asked to, and one a job has the phase in its environment`()
        async throws
    {
        let place = try Place()
        try await withDirectory { folder in
            let handler = "echo \"${MILLPOND_PHASE-work} $MILLPOND_KEY\" >> \(folder)/seen; [ -n \"$MILLPOND_PHASE\" ]"
            let id = try await enqueue(place, key: "order-7")
            try await Child.run(options(place, "--exec-once", handler, "--unknown-kind-grace", "0s")) { worker in
                try await place.eventually("the work is dead", within: .seconds(90)) {
                    $0.dead == 1 && $0.inFlight == 0
                }
                #expect(try await place.queue.compensate([id]) == [.enqueued])
                try await place.eventually("nobody undoes it", within: .seconds(90)) {
                    $0.dead == 1 && $0.inFlight == 0 && $0.ready == 0
                }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            #expect(try await place.queue.job(id).cause == "no_compensation")
            #expect(try lines("\(folder)/seen") == ["work order-7"])
            try await Child.run(options(place, "--exec-once", handler, "--compensates")) { worker in
                #expect(try await place.queue.revive([id]) == [.enqueued])
                try await place.eventually("it is undone", within: .seconds(90)) {
                    $0.ready + $0.inFlight + $0.held + $0.dead == 0
                }
                worker.send(SIGTERM)
                try await worker.exit()
            }
            #expect(try lines("\(folder)/seen") == ["work order-7", "compensate order-7:compensate"])
        }
    }
}
