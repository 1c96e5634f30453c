import FoundationEssentials
import Glibc
import PondCore
import PondQueue
import PondRedis
import PondTestKit

/// The processes of a `WhySystem` that states are brought about with.
struct WhyWorkers: Sendable {
    /// At the queue `silent`; it is stopped while it has a job.
    let silent: Child
    /// At the queue `calm`, which is paused: it has room and fetches nothing.
    let calm: Child
    /// Sizes the queues `limit`, `hold` and `slow`.
    let supervisor: Child
}

extension WhySystem {
    /// Runs `body` while a worker with one slot is at the large queue, and others are at small ones.
    func whileWorking(_ body: @escaping @Sendable (WhyWorkers) async throws -> Void) async throws {
        let first = try await place.queue.enqueue(sleeper(.high)).id
        try await queue("calm").pause(reason: "until its worker is stopped")
        try await Child.run(["worker", "--slots", "1", "--prefetch", "0"] + place.options) { worker in
            try await withSmallWorkers { workers in
                try await eventually("the worker is busy", says: worker.log) {
                    try await place.queue.job(first).state == .running
                }
                try await body(workers)
            }
        }
    }

    private func withSmallWorkers(_ body: @escaping @Sendable (WhyWorkers) async throws -> Void) async throws {
        // Times that end these states by themselves are longer than a busy machine takes to ask.
        let undo = ["--attempts", "1", "--compensates", "--grace", "0s", "--job-timeout", "10m"]
        try await Child.run(try worker("kinds", ["--unknown-kind-grace", "10m"])) { kinds in
            try await Child.run(try worker("undo", ["--exec-once", Self.undoing] + undo)) { undoing in
                try await Child.run(try worker("silent", ["--slots", "1", "--prefetch", "0"])) { silent in
                    try await Child.run(try worker("calm")) { calm in
                        try await Child.run(["supervise", "--config", try fleetFile(), "--redis", place.url]) { fleet in
                            for child in [kinds, undoing, silent, calm] { try await child.line("worker ready") }
                            try await body(WhyWorkers(silent: silent, calm: calm, supervisor: fleet))
                            // What they have started goes with them.
                            for child in [fleet, undoing] { child.send(SIGTERM) }
                            for child in [fleet, undoing] { try await child.exit(within: .seconds(60)) }
                        }
                    }
                }
            }
        }
    }

    private func worker(_ name: String, _ more: [String] = []) throws -> [String] {
        ["worker", "--redis", place.url, "--queue", try queue(name).name.text] + more
    }

    /// Fails the work, and undoes it unless the job says `hang`.
    private static let undoing = #"read -r n; [ -n "$MILLPOND_PHASE" ] && { [ "$n" != hang ] || exec sleep 600; }"#

    func sleeper(_ priority: Priority = .normal) throws -> NewJob {
        var options = EnqueueOptions()
        options.priority = priority
        return NewJob(kind: try JobKind("pond.sleep"), data: Array("{\"seconds\":600}".utf8), options: options)
    }

    /// A fleet: one queue whose bound is one worker, one whose jobs fail, and one whose workers but the first take long
    /// to start, as programs do that load much.
    private func fleetFile() throws -> String {
        let pond = Child.path("pond"), slow = folder + "/slow.sh"
        let script = """
            if mkdir "\(folder)/first" 2>/dev/null; then exec "\(pond)" worker --prefetch 0 "$@"; fi
            trap 'kill $!; exit 0' TERM
            sleep 14 & wait $!
            exec "\(pond)" worker --prefetch 0 "$@"

            """
        try script.write(toFile: slow, atomically: true, encoding: .utf8)
        let policy = "wait_target: 2s, min: 1, slots: 1, service_time: 10s, grace: 0s"
        let text = """
            fleet: \(fleet)
            max_workers: 40
            command: ["\(pond)", worker, --prefetch, "0"]
            interval: 500ms
            lease: 3s
            host: { cpu_pressure_max: 1.0, memory_pressure_max: 1.0, workers_per_core: 64, memory_reserve: 1MB }
            queues:
              \(try queue("limit").name): { max: 1, \(policy) }
              \(try queue("hold").name): { max: 4, \(policy) }
              \(try queue("slow").name): { max: 32, command: [sh, "\(slow)"], \(policy) }

            """
        try text.write(toFile: folder + "/millpond.yaml", atomically: true, encoding: .utf8)
        return folder + "/millpond.yaml"
    }
}
