import Glibc
import Logging
import PondCore
import PondSupervisor
import ServiceLifecycle
import Testing

/// Real processes and real signals, one test after the other.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SupervisorTests {
    // MARK: Start

    @Test func `workers come up, say that they are ready, and are drained by a stop`() async throws {
        try await withFleet(FleetConfiguration(workers: 3, command: shell(Script.good))) { bench in
            let pids = try await bench.events.nextReady(slots: 3)
            #expect(bench.supervisor.snapshot().map(\.state) == [.ready, .ready, .ready])
            #expect(Set(bench.supervisor.snapshot().compactMap(\.pid)) == Set(pids))
            bench.supervisor.stop()
            for _ in 0..<3 {
                let exit = try await bench.events.next("an exit") { event -> WorkerExit? in
                    if case .exited(_, _, let status, true) = event { status } else { nil }
                }
                #expect(exit == .exited(0))
            }
        }
    }

    @Test func `a worker leads its own session, blocks no signal and has only its three descriptors`() async throws {
        let script = """
            echo "env:$MILLPOND_LIFELINE $MILLPOND_READY $MILLPOND_SLOT $MILLPOND_SUPERVISOR_PID $EXTRA"
            echo millpond:ready; read -r _
            """
        var command = shell(script)
        command.environment = ["EXTRA": "more"]
        try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
            let pid = try await bench.events.nextReady()
            let text = try await bench.output.text { $0.hasSuffix("\n") }
            #expect(names(in: "/proc/\(pid)/fd").sorted() == ["0", "1", "2"])
            #expect(readText("/proc/\(pid)/status")?.contains("SigBlk:\t0000000000000000\n") == true)
            #expect(text.contains("env:stdin stdout 0 \(getpid()) more\n"))
            let fields = try #require(statFields(pid))
            #expect(fields[1] == "\(getpid())")
            #expect(fields[2] == "\(pid)")
            #expect(fields[3] == "\(pid)")
        }
    }

    @Test func `output is passed on line by line, without the ready line`() async throws {
        let script = "echo one; printf 'two\\nthree\\n'; \(Script.good)"
        try await withFleet(FleetConfiguration(workers: 1, command: shell(script))) { bench in
            _ = try await bench.events.nextReady()
            let text = try await bench.output.text { $0.hasSuffix("three\n") }
            #expect(text == "one\ntwo\nthree\n")
        }
    }

    @Test func `the working directory is the worker's own`() async throws {
        var command = shell("pwd; \(Script.good)")
        command.workingDirectory = "/usr"
        try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
            let text = try await bench.output.text { $0.hasSuffix("\n") }
            #expect(text == "/usr\n")
        }
    }

    @Test func `a worker that is late to be ready is reported and lives on`() async throws {
        let release = temporaryPath("release")
        let script = "until [ -e \"$1\" ]; do sleep 0.02; done; \(Script.good)"
        var configuration = FleetConfiguration(workers: 1, command: shell(script, [release]))
        configuration.readyTimeout = .milliseconds(100)
        try await withFleet(configuration) { bench in
            let pid = try await bench.events.next("a late worker") { event -> Int32? in
                if case .notReady(0, let pid, _) = event { pid } else { nil }
            }
            close(creat(release, 0o600))
            #expect(try await bench.events.nextReady() == pid)
            #expect(bench.supervisor.snapshot()[0].lateStarts == 1)
        }
    }

    // MARK: Restart

    @Test func `a worker that is killed is replaced within 50 milliseconds`() async throws {
        try await withFleet(FleetConfiguration(workers: 8, command: shell(Script.good))) { bench in
            var times: [Duration] = []
            for (slot, victim) in try await bench.events.nextReady(slots: 8).enumerated() {
                #expect(try await bench.events.nextSpawned(slot: slot) == victim)
                let killed = LocalInstant.now
                kill(victim, SIGKILL)
                let spawned = try await bench.events.nextWithTime("the replacement") { event -> Int32? in
                    if case .spawned(slot, let pid) = event { pid } else { nil }
                }
                times.append(killed.duration(to: spawned.at))
                #expect(try await bench.events.nextReady(slot: slot) == spawned.result)
                #expect(try await bench.events.nextExit(of: victim).status == .signaled(9))
            }
            // The median: a machine that is busy with something else may be late once or twice.
            #expect(times.sorted()[4] < .milliseconds(50), "took \(times)")
        }
    }

    @Test func `what a worker leaves behind in its group ends with it`() async throws {
        let script = "sleep 600 & echo \"child:$!\"; \(Script.good)"
        try await withFleet(FleetConfiguration(workers: 1, command: shell(script))) { bench in
            let pid = try await bench.events.nextReady()
            let text = try await bench.output.text { $0.hasSuffix("\n") }
            let child = try #require(Int32(text.dropFirst("child:".count).dropLast()))
            #expect(processState(child) != nil)
            kill(pid, SIGKILL)
            _ = try await bench.events.nextExit(of: pid)
            try await waitUntilGone(child)
        }
    }

    @Test func `a worker that closes its output early is still watched, with its lifeline open`() async throws {
        let marker = temporaryPath("marker")
        let script = """
            echo millpond:ready; exec >&-
            read -r _ || echo eof > "$1"
            """
        try await withFleet(FleetConfiguration(workers: 1, command: shell(script, [marker]))) { bench in
            let pid = try await bench.events.nextReady()
            // The kernel says "asleep in a read" when there is nothing left that could go wrong early.
            while processState(pid) != "S" {
                try Task.checkCancellation()
                await Task.yield()
            }
            #expect(bench.supervisor.snapshot()[0].state == .ready)
            #expect(readText(marker) == nil)
            kill(pid, SIGKILL)
            #expect(try await bench.events.nextExit(of: pid).status == .signaled(9))
        }
    }

    @Test func `a descendant that holds the output open does not hide the worker's end`() async throws {
        let script = "setsid yes & echo millpond:ready; sleep 0.05; exit 70"
        var configuration = FleetConfiguration(workers: 1, command: shell(script))
        configuration.restart.exitsBeforeParking = 2
        try await withFleet(configuration) { bench in
            let pid = try await bench.events.nextReady()
            #expect(try await bench.events.nextExit(of: pid).status == .exited(70))
            try await bench.events.next("parking") { if case .parked = $0 { true } else { nil } }
        }
    }

    @Test func `a crash loop backs off, is parked, and says what to do`() async throws {
        var configuration = FleetConfiguration(workers: 1, command: shell("exit 70"))
        configuration.restart = .init(
            exitsBeforeParking: 4,
            backoff: Backoff(base: .milliseconds(20), cap: .milliseconds(40), jitter: 0)
        )
        try await withFleet(configuration) { bench in
            let reason = try await bench.events.next("parking") { event -> FleetEvent.ParkingReason? in
                if case .parked(0, let reason) = event { reason } else { nil }
            }
            #expect(reason.exits == 4)
            #expect(reason.lastExit == .exited(70))
            #expect("\(reason.lastExit)" == "exit code 70 (stuck handler, replaced)")
            let delays = bench.events.all.compactMap { if case .willRestart(_, let delay) = $0 { delay } else { nil } }
            #expect(delays == [.zero, .milliseconds(20), .milliseconds(40)])
            #expect(bench.supervisor.snapshot().map(\.state) == [.parked])
            #expect(bench.supervisor.snapshot()[0].restarts == 3)
        }
    }

    @Test func `a parked slot is tried again after its rest`() async throws {
        var configuration = FleetConfiguration(workers: 1, command: shell("exit 1"))
        configuration.restart = .init(exitsBeforeParking: 2, parkedFor: .milliseconds(50))
        try await withFleet(configuration) { bench in
            try await bench.events.next("parking") { if case .parked = $0 { true } else { nil } }
            try await bench.events.next("another try") { $0 == .unparked(slot: 0) ? true : nil }
            try await bench.events.next("parking again") { if case .parked = $0 { true } else { nil } }
        }
    }

    // MARK: Failing exec

    @Test(arguments: [
        ("/nonexistent/worker", "/nonexistent/worker: No such file or directory"),
        ("/etc/passwd", "/etc/passwd: is not executable; try chmod +x"),
        ("/usr", "/usr: is a directory, not a program"),
        ("no-such-program-here", "no-such-program-here: no directory of PATH holds such a program"),
    ])
    func `a program that cannot be started is named with the reason`(path: String, start: String) async throws {
        let configuration = FleetConfiguration(workers: 1, command: WorkerCommand(executable: path))
        try await withFleet(configuration) { bench in
            let exit = try await bench.events.nextExit(of: nil)
            guard case .failedToStart(let reason) = exit.status else {
                Issue.record("ended with \(exit.status)")
                return
            }
            #expect(reason.hasPrefix(start))
        }
    }

    @Test func `a script whose interpreter is missing, a bad binary and a bad directory are told apart`() async throws {
        let script = temporaryPath("script")
        let descriptor = open(script, O_WRONLY | O_CREAT | O_CLOEXEC, 0o700)
        _ = write(descriptor, "#!/no/such/interpreter\n", 23)
        close(descriptor)
        let binary = temporaryPath("binary")
        let other = open(binary, O_WRONLY | O_CREAT | O_CLOEXEC, 0o700)
        _ = write(other, "\u{1}\u{2}nothing", 9)
        close(other)
        var lost = shell(Script.good)
        lost.workingDirectory = "/no/such/directory"
        for (command, text) in [
            (WorkerCommand(executable: script), "(#!) or its loader names is missing"),
            (WorkerCommand(executable: binary), "it is neither a program for this machine nor a script"),
            (lost, "working directory /no/such/directory: No such file or directory"),
        ] {
            try await withFleet(FleetConfiguration(workers: 1, command: command)) { bench in
                let exit = try await bench.events.nextExit(of: nil)
                #expect("\(exit.status)".contains(text), "\(exit.status)")
            }
        }
    }

    @Test func `a program that disappears does not harm the workers that run it`() async throws {
        let program = temporaryPath("sh")
        symlink("/bin/sh", program)
        var command = shell(Script.good)
        command.executable = program
        try await withFleet(FleetConfiguration(workers: 3, command: command)) { bench in
            let victim = try await bench.events.nextReady(slots: 3)[0]
            unlink(program)
            kill(victim, SIGKILL)
            _ = try await bench.events.nextExit(of: nil)
            #expect(bench.supervisor.snapshot().map(\.state).suffix(2) == [.ready, .ready])
            symlink("/bin/sh", program)
            _ = try await bench.events.nextReady(slot: 0)
        }
    }

    // MARK: Stop

    @Test func `a worker that ignores SIGTERM is killed after the grace, and its children too`() async throws {
        var configuration = FleetConfiguration(workers: 1, command: shell(Script.deaf))
        configuration.gracePeriod = .milliseconds(200)
        try await withFleet(configuration) { bench in
            let pid = try await bench.events.nextReady()
            let text = try await bench.output.text { $0.hasSuffix("\n") }
            let child = try #require(Int32(text.dropFirst("child:".count).dropLast()))
            let stopped = LocalInstant.now
            bench.supervisor.stop()
            bench.supervisor.stop()
            let exit = try await bench.events.nextWithTime("the end") { event -> WorkerExit? in
                if case .exited(0, pid, let status, true) = event { status } else { nil }
            }
            #expect(exit.result == .signaled(9))
            #expect(stopped.duration(to: exit.at) >= .milliseconds(200))
            #expect(bench.events.all.contains(.killed(slot: 0, pid: pid, afterGrace: .milliseconds(200))))
            try await waitUntilGone(child)
        }
    }

    @Test func `an urgent stop gives the worker two SIGTERMs`() async throws {
        let script = """
            trap 'n=$((n+1)); echo "term $n"; [ $n = 2 ] && exit 0' TERM
            n=0; echo millpond:ready; while :; do sleep 0.02; done
            """
        try await withFleet(FleetConfiguration(workers: 1, command: shell(script))) { bench in
            let pid = try await bench.events.nextReady()
            bench.supervisor.stop()
            _ = try await bench.output.text { $0 == "term 1\n" }
            bench.supervisor.stopNow()
            #expect(try await bench.events.nextExit(of: pid).status == .exited(0))
            _ = try await bench.output.text { $0 == "term 2\n" }
        }
    }

    @Test func `a stop in the first moment of a start ends cleanly`() async throws {
        for round in 0..<20 {
            try await withFleet(FleetConfiguration(workers: 4, command: shell(Script.good))) { bench in
                if round.isMultiple(of: 2) { _ = try await bench.events.nextSpawned(slot: round % 4) }
                bench.supervisor.stop()
            }
        }
    }

    @Test func `a stop while slots are in backoff or parked ends at once`() async throws {
        var configuration = FleetConfiguration(workers: 2, command: shell("exit 1"))
        configuration.restart = .init(exitsBeforeParking: 2, parkedFor: .seconds(3_600))
        try await withFleet(configuration) { bench in
            for _ in 0..<2 { try await bench.events.next("parking") { if case .parked = $0 { true } else { nil } } }
            bench.supervisor.stop()
            try await bench.events.next("the end", within: .seconds(2)) { $0 == .drained ? true : nil }
            #expect(bench.supervisor.snapshot().map(\.state) == [.stopped, .stopped])
        }
    }

    @Test func `a graceful shutdown drains the fleet`() async throws {
        let events = EventLog()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let output = try OutputReader()
        let configuration = FleetConfiguration(workers: 1, command: shell(Script.good))
        let supervisor = Supervisor(configuration, logger: logger, output: output.writeEnd) { events.record($0) }
        let group = ServiceGroup(configuration: .init(services: [.init(service: supervisor)], logger: logger))
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            let pid = try await events.nextReady()
            await group.triggerGracefulShutdown()
            let exit = try await events.nextExit(of: pid)
            #expect(exit.status == .exited(0))
            #expect(exit.wasExpected)
            try await tasks.waitForAll()
        }
        output.close()
    }

    @Test func `a cancelled supervisor takes its workers with it`() async throws {
        let events = EventLog()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let output = try OutputReader()
        let configuration = FleetConfiguration(workers: 2, command: shell(Script.good))
        let supervisor = Supervisor(configuration, logger: logger, output: output.writeEnd) { events.record($0) }
        let pids = try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await supervisor.run() }
            let pids = try await events.nextReady(slots: 2)
            tasks.cancelAll()
            do {
                try await tasks.waitForAll()
                Issue.record("a cancelled run did not throw")
            } catch is CancellationError {}
            return pids
        }
        for pid in pids { #expect(processState(pid) == nil) }
        output.close()
    }

    @Test func `a supervisor runs once`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let supervisor = Supervisor(FleetConfiguration(workers: 1, command: shell("exit 0")), logger: logger)
        supervisor.stop()
        try await supervisor.run()
        let error = await #expect(throws: SupervisorError.self) { try await supervisor.run() }
        #expect(error?.code == .alreadyStarted)
    }
}
