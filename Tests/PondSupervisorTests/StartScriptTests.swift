import Glibc
import PondCore
import PondProcess
import PondSupervisor
import Testing

/// Start commands that run the worker as a child, as scripts without `exec` do.
@Suite(.serialized, .timeLimit(.minutes(1))) struct StartScriptTests {
    /// A worker that says who it is, takes a while to drain, and says to the file `$1` that it has; a second signal ends it.
    private static let worker = """
        trap 'trap "echo hurried >>\\"$1\\"; exit 0" TERM; n=0; while [ $n -lt 20 ]; do sleep 0.02; n=$((n+1)); done
        echo drained >>"$1"; exit 0' TERM
        echo "$ready"; while :; do sleep 0.02; done
        """
    /// Runs the worker in `$1`, with the file `$2`, and is no worker itself.
    private static let script = "sh -c \"$1\" worker \"$2\"; true"

    private func command(_ script: String, says ready: String = "millpond:ready $$", file: String) -> WorkerCommand {
        let worker = StartScriptTests.worker.replacing("$ready", with: ready)
        return WorkerCommand(executable: "/bin/sh", arguments: ["-c", script, "start", worker, file])
    }

    private func nextScript(_ bench: Bench) async throws -> (pid: Int32, worker: Int32) {
        try await bench.events.next("a worker behind a script") { event -> (Int32, Int32)? in
            if case .startedByScript(_, let pid, let worker) = event { (pid, worker) } else { nil }
        }
    }

    @Test(arguments: ["millpond:ready $$", "millpond:ready"])
    func `the worker behind a start script drains when the fleet stops`(ready: String) async throws {
        let file = temporaryPath("word")
        let command = command(Self.script, says: ready, file: file)
        try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
            let pid = try await bench.events.nextReady()
            bench.supervisor.stop()
            let end = try await bench.events.nextExit(of: pid)
            #expect(end.wasExpected)
            #expect(readText(file) == "drained\n")
            #expect(ProcessTable.members(ofGroup: pid).isEmpty)
        }
    }

    @Test func `it is said which process the worker is, and that the script should use exec`() async throws {
        let command = command(Self.script, file: temporaryPath("word"))
        try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
            let found = try await nextScript(bench)
            #expect(try await bench.events.nextReady() == found.pid)
            #expect(found.worker != found.pid)
            let status = try #require(bench.supervisor.snapshot().first)
            #expect((status.pid, status.workerPID) == (found.pid, found.worker))
        }
        let plain = shell("echo \"millpond:ready $$\"; exec sleep 600")
        try await withFleet(FleetConfiguration(workers: 1, command: plain)) { bench in
            _ = try await bench.events.nextReady()
            #expect(!bench.events.all.contains { if case .startedByScript = $0 { true } else { false } })
        }
    }

    @Test func `the old worker behind a script drains in a rolling restart`() async throws {
        let file = temporaryPath("word")
        try await withFleet(FleetConfiguration(workers: 1, command: command(Self.script, file: file))) { bench in
            let old = try await bench.events.nextReady()
            bench.supervisor.rollingRestart()
            _ = try await bench.events.nextReady()
            _ = try await bench.events.nextExit(of: old)
            #expect(readText(file) == "drained\n")
        }
    }

    @Test func `a second stop reaches the worker behind a script`() async throws {
        let file = temporaryPath("word")
        try await withFleet(FleetConfiguration(workers: 1, command: command(Self.script, file: file))) { bench in
            let pid = try await bench.events.nextReady()
            bench.supervisor.stopNow()
            _ = try await bench.events.nextExit(of: pid)
            #expect(readText(file) == "hurried\n")
        }
    }

    @Test func `a script that is killed leaves its worker time to drain, and that counts as a crash`() async throws {
        let file = temporaryPath("word")
        try await withFleet(FleetConfiguration(workers: 1, command: command(Self.script, file: file))) { bench in
            let found = try await nextScript(bench)
            kill(found.pid, SIGKILL)
            let end = try await bench.events.nextExit(of: found.pid)
            #expect(end.status == .signaled(SIGKILL))
            #expect(!end.wasExpected)
            #expect(readText(file) == "drained\n")
            // The slot has a new one.
            #expect(try await nextScript(bench).pid != found.pid)
        }
    }

    @Test func `a script that starts its worker again and again ends all the same`() async throws {
        let file = temporaryPath("word")
        let command = command("while :; do sh -c \"$1\" worker \"$2\"; done", file: file)
        try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
            let pid = try await bench.events.nextReady()
            bench.supervisor.stop()
            let end = try await bench.events.nextExit(of: pid)
            #expect(end.wasExpected)
            #expect(readText(file)?.hasPrefix("drained\n") == true)
        }
    }

    @Test func `a worker behind a script that does not stop is killed after the grace period`() async throws {
        let deaf = "trap '' TERM; echo \"millpond:ready $$\"; while :; do sleep 0.02; done"
        let command = WorkerCommand(executable: "/bin/sh", arguments: ["-c", "sh -c \"$1\"; true", "start", deaf])
        let configuration = FleetConfiguration(workers: 1, command: command, gracePeriod: .milliseconds(200))
        try await withFleet(configuration) { bench in
            let found = try await nextScript(bench)
            bench.supervisor.stop()
            _ = try await bench.events.nextExit(of: found.pid)
            #expect(RunningProcess(found.worker) == nil)
        }
    }

    @Test func `nobody can name a process that is not the worker`() async throws {
        let command = shell("echo \"millpond:ready $PPID\"; read -r _")
        try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
            _ = try await bench.events.nextReady()
            #expect(bench.supervisor.snapshot().first?.workerPID == bench.supervisor.snapshot().first?.pid)
        }
    }

    @Test(
        arguments: [
            ("millpond:ready", ReadyLine?.some(.init(Array("millpond:ready".utf8))!)),
            ("millpond:ready 0", nil), ("millpond:ready -4", nil), ("millpond:ready 4x", nil),
            ("millpond:readyness", nil),
            ("millpond:ready 99999999999999", nil), ("millpond:ready ", nil),
        ]
    )
    func `only the whole line means ready`(line: String, expected: ReadyLine?) {
        #expect(ReadyLine(Array(line.utf8)) == expected)
        #expect(ReadyLine(Array("millpond:ready 4711".utf8))?.pid == 4_711)
    }
}
