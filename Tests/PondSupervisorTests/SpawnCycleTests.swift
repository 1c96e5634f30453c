import Glibc
import PondCore
import PondSupervisor
import PondTestKit
import Testing

/// Thousands of workers that come and go leave nothing behind.
@Suite(.serialized) struct SpawnCycleTests {
    /// Restarts without a rest, however often.
    private static let restless = RestartPolicy.Configuration(
        window: .milliseconds(1),
        exitsBeforeParking: 1_000,
        backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(1), jitter: 0)
    )

    private func descriptors() -> Int { names(in: "/proc/self/fd").count }

    private func residentBytes() -> Int {
        let words = readText("/proc/self/statm")?.split(separator: " ") ?? []
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * 4_096
    }

    /// Keeps workers that end at once going until so many have.
    private func cycle(_ command: WorkerCommand, workers: Int, until count: Int) async throws {
        var configuration = FleetConfiguration(workers: workers, command: command)
        configuration.restart = Self.restless
        try await withFleet(configuration) { bench in
            for _ in 0..<count {
                try await bench.events.next("a worker's end", within: .seconds(60)) { event in
                    if case .exited = event { true } else { nil }
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `five thousand workers that end, and programs that cannot be run, leave no descriptor, zombie or memory`()
        async throws
    {
        let ending = WorkerCommand(executable: "/bin/true")
        let missing = WorkerCommand(executable: "/nonexistent/worker")
        // What the first use of everything takes is not what is looked for.
        try await cycle(ending, workers: 8, until: 200)
        try await cycle(missing, workers: 8, until: 100)
        let before = (descriptors: descriptors(), bytes: residentBytes())
        try await cycle(ending, workers: 8, until: 4_000)
        try await cycle(missing, workers: 8, until: 1_000)
        let grown = residentBytes() - before.bytes
        print("5,000 spawns: descriptors \(before.descriptors) → \(descriptors()), memory grew by \(grown >> 10) KiB")
        #expect(descriptors() <= before.descriptors)
        #expect(try await leftZombies().isEmpty)
        // The log of events that the test keeps is a part of it.
        #expect(grown < 16 << 20)
    }

    @Test func `growing and shrinking for a while leaves nobody behind`() async throws {
        let before = descriptors()
        var configuration = FleetConfiguration(workers: 0, command: shell(Script.retiring))
        configuration.workersMax = 12
        try await withFleet(configuration) { bench in
            for size in [12, 3, 9, 0, 12, 1, 0] {
                bench.supervisor.resize(to: size)
                func living() -> [SlotStatus] { bench.supervisor.snapshot() }
                let isReady = try await Waiting.until(within: .seconds(20)) {
                    living().count == size && living().allSatisfy { $0.state == .ready }
                }
                #expect(isReady)
            }
        }
        #expect(descriptors() <= before)
        #expect(try await leftZombies().isEmpty)
    }

    @Test func `a worker that is told to retire hears it on its lifeline, and no signal`() async throws {
        var configuration = FleetConfiguration(workers: 1, command: shell(Script.retiring))
        configuration.workersMax = 1
        try await withFleet(configuration) { bench in
            try await bench.events.next("ready") { if case .ready = $0 { true } else { nil } }
            bench.supervisor.resize(to: 0)
            let status = try await bench.events.next("its end") { event in
                if case .exited(_, _, let status, true) = event { status } else { nil }
            }
            // Its own code for the word; a signal would have been 15.
            #expect(status == .exited(9))
        }
    }
}

/// A limit of memory that the kernel keeps.
@Suite(.serialized) struct ControlGroupTests {
    @Test func `the group with a memory controller is found in both hierarchies`() {
        let older = ControlGroup.find(
            "memory",
            groups: "8:pids:/\n4:memory:/a/b\n0::/\n",
            mounts:
                "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        )
        #expect(older?.path == "/sys/fs/cgroup/memory/a/b" && older?.isUnified == false)
        let unified = ControlGroup.find(
            "memory",
            groups: "0::/system.slice/pond.service\n",
            mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"
        )
        #expect(unified?.path == "/sys/fs/cgroup/system.slice/pond.service" && unified?.isUnified == true)
        #expect(ControlGroup.find("memory", groups: "", mounts: "") == nil)
    }

    @Test func `memory that files only happen to fill counts as free`() {
        #expect(ControlGroup.idleFileBytes(in: "cache 9\ninactive_file 5\ntotal_inactive_file 7\n") == 7)
        #expect(ControlGroup.idleFileBytes(in: "anon 1\ninactive_file 5\n") == 5)
        #expect(ControlGroup.idleFileBytes(in: "") == 0)
    }

    /// Whether this system lets us make groups.
    private static let isAllowed: Bool = {
        // Nothing is started for it: this is asked in every run, also in those that leave the test out.
        guard let group = ControlGroup.own("memory") else { return false }
        let probe = group.path + "/millpond-probe"
        return mkdir(probe, 0o755) == 0 && rmdir(probe) == 0
    }()

    @Test(.enabled(if: isAllowed, "this system does not let us make control groups"))
    func `a worker that grows past its group's limit is ended, and its group is removed`() async throws {
        let group = try #require(ControlGroup.own("memory"))
        let script = "echo millpond:ready; read -r _; x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo $x"
        try await withFleet(FleetConfiguration(workers: 1, command: shell(script))) { bench in
            let pid = try await bench.events.next("ready") { if case .ready(_, let pid) = $0 { pid } else { nil } }
            #expect(group.limit(pid, memoryMax: 48 << 20) == nil)
            bench.supervisor.recycle(pid)
            let status = try await bench.events.next("its end") { event in
                if case .exited(_, pid, let status, _) = event { status } else { nil }
            }
            #expect(status != .exited(0))
            _ = try await Waiting.until(within: .seconds(10), every: .milliseconds(20)) { group.forget(pid) }
            #expect(!names(in: group.path).contains("millpond-worker-\(pid)"))
        }
    }
}
