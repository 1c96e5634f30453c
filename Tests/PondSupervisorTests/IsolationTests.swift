import Glibc
import Logging
import PondCore
import PondSupervisor
import PondTestKit
import Testing

/// What needs a whole process of its own: limits, descriptor counts, and a supervisor that is killed.
extension SupervisorTests {
    @Suite struct Isolation {
        private static func configuration(_ command: WorkerCommand, workers: Int = 1) -> FleetConfiguration {
            var configuration = FleetConfiguration(workers: workers, command: command)
            // As many exits as the test likes, without a rest in between.
            configuration.restart = .init(
                window: .milliseconds(1),
                exitsBeforeParking: 1_000,
                backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(1), jitter: 0)
            )
            return configuration
        }

        @Test func `three hundred lives leave no descriptor and no zombie behind`() async {
            await #expect(processExitsWith: .success) {
                for (path, lives) in [("/bin/true", 10), ("/bin/true", 200), ("/nonexistent", 100)] {
                    let before = names(in: "/proc/self/fd").count
                    try await withFleet(Isolation.configuration(WorkerCommand(executable: path))) { bench in
                        for _ in 0..<lives {
                            try await bench.events.next("an exit") { if case .exited = $0 { true } else { nil } }
                        }
                        bench.supervisor.stop()
                        try await bench.events.next("the end") { $0 == .drained ? true : nil }
                        #expect(try await leftZombies().isEmpty)
                    }
                    // The first, short round opens what the library keeps for good.
                    if lives > 10 { #expect(names(in: "/proc/self/fd").count == before) }
                }
            }
        }

        @Test func `without free descriptors a restart fails, says why, and heals later`() async {
            await #expect(processExitsWith: .success) {
                try await withFleet(Isolation.configuration(shell(Script.good), workers: 2)) { bench in
                    let victim = try await bench.events.nextReady(slots: 2)[0]
                    var hoard: [Int32] = []
                    while case let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC), descriptor >= 0 {
                        hoard.append(descriptor)
                    }
                    kill(victim, SIGKILL)
                    let exit = try await bench.events.nextExit(of: nil)
                    #expect("\(exit.status)".contains("/bin/sh: Too many open files; raise the limit"))
                    #expect(bench.supervisor.snapshot()[1].state == .ready)
                    for descriptor in hoard { close(descriptor) }
                    _ = try await bench.events.nextReady(slot: 0)
                }
            }
        }

        @Test func `a fleet that the limit of open files cannot hold is refused at the start`() async {
            await #expect(processExitsWith: .success) {
                var limit = rlimit(rlim_cur: 100, rlim_max: 100)
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
                let supervisor = Supervisor(Isolation.configuration(shell(Script.good), workers: 64), logger: logger)
                let error = await #expect(throws: SupervisorError.self) { try await supervisor.run() }
                #expect(error?.code == .tooFewDescriptors)
                #expect(error?.message.contains("ulimit -n 227") == true)
            }
        }

        @Test func `workers of a supervisor that is killed see the end of their lifeline`() async throws {
            let marker = temporaryPath("gone")
            await #expect(processExitsWith: .signal(SIGKILL)) { [marker = marker as String] in
                let command = shell(Script.lifeline, [marker])
                try await withFleet(Isolation.configuration(command, workers: 2)) { bench in
                    _ = try await bench.events.nextReady(slots: 2)
                    kill(getpid(), SIGKILL)
                }
            }
            _ = try await Waiting.until(within: .seconds(20)) { readText(marker)?.hasSuffix("gone\n") == true }
            let text = try #require(readText(marker))
            let pid = try #require(Int32(text.prefix { $0.isNumber }))
            try await waitUntilGone(pid)
        }
    }
}
