import FoundationEssentials
import PondScaling
import PondSupervisor
import Testing

/// What a host has to give when the kernel has put it into a control group, from folders of files.
@Suite struct ControlGroupFactsTests {
    /// Makes files below a folder of the test's own, and reads them as a machine.
    private func read(_ files: [String: String]) throws -> HostFacts {
        let root = temporaryPath("root")
        defer { try? FileManager.default.removeItem(atPath: root) }
        let machine = [
            "/proc/self/status": "Name:\tpond\nCpus_allowed:\t00000000,0000000f\n",
            "/proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n",
            "/proc/pressure/cpu": "some avg10=90.00 avg60=0 avg300=0 total=0\n",
            "/proc/pressure/memory": "some avg10=80.00 avg60=0 avg300=0 total=0\n",
        ]
        for (path, text) in machine.merging(files, uniquingKeysWith: { $1 }) {
            let folder = root + path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try text.write(toFile: root + path, atomically: false, encoding: .utf8)
        }
        return HostFacts.read(root: root)
    }

    private let unified = [
        "/proc/self/cgroup": "0::/kube/pod/pond\n",
        "/proc/self/mounts": "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n",
    ]
    private let older = [
        "/proc/self/cgroup": "9:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
        "/proc/self/mounts":
            "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n",
    ]

    @Test func `memory, quota and pressure are those of the own group of the unified hierarchy`() throws {
        let group = "/sys/fs/cgroup/kube/pod/pond"
        let facts = try read(
            unified.merging(
                [
                    "\(group)/memory.max": "314572800\n", "\(group)/memory.current": "104857600\n",
                    "\(group)/memory.stat": "anon 1\ninactive_file 20971520\n", "\(group)/cpu.max": "50000 100000\n",
                    "\(group)/cpu.pressure": "some avg10=12.50 avg60=0 avg300=0 total=0\n",
                    "\(group)/memory.pressure": "some avg10=1.00 avg60=0 avg300=0 total=0\n",
                ],
                uniquingKeysWith: { $1 }
            )
        )
        #expect(facts.memoryTotal == 300 << 20)
        #expect(facts.memoryAvailable == 220 << 20)
        #expect((facts.cores, facts.quota, facts.processors) == (4, 0.5, 0.5))
        #expect((facts.cpuPressure, facts.memoryPressure) == (0.125, 0.01))
    }

    @Test func `the narrowest limit of the group and those above it counts`() throws {
        let pod = "/sys/fs/cgroup/kube/pod"
        let facts = try read(
            unified.merging(
                [
                    "\(pod)/pond/memory.max": "max\n", "\(pod)/pond/cpu.max": "max 100000\n",
                    "\(pod)/memory.max": "1073741824\n", "\(pod)/memory.high": "536870912\n",
                    "\(pod)/memory.current": "0\n", "/sys/fs/cgroup/kube/cpu.max": "150000 100000\n",
                ],
                uniquingKeysWith: { $1 }
            )
        )
        #expect(facts.memoryTotal == 512 << 20)
        #expect(facts.memoryAvailable == 512 << 20)
        #expect(facts.quota == 1.5)
        // The group keeps no account of waiting here, so the machine's is all there is.
        #expect(facts.cpuPressure == 0.9)
    }

    @Test func `the older hierarchy's files are read, also where a container shows only its own part`() throws {
        let files = [
            "/memory.limit_in_bytes": "314572800\n", "/memory.usage_in_bytes": "104857600\n",
            "/memory.stat": "total_inactive_file 0\n",
        ]
        for folder in ["/sys/fs/cgroup/memory/docker/x", "/sys/fs/cgroup/memory"] {
            let cpu = folder.replacing("memory", with: "cpu")
            var own = older
            for (name, text) in files { own[folder + name] = text }
            own[cpu + "/cpu.cfs_quota_us"] = "200000\n"
            own[cpu + "/cpu.cfs_period_us"] = "100000\n"
            let facts = try read(own)
            #expect((facts.memoryTotal, facts.memoryAvailable) == (300 << 20, 200 << 20))
            #expect(facts.quota == 2)
            #expect(facts.cpuPressure == 0.9)
        }
    }

    @Test func `without limits the machine is what there is`() throws {
        for groups in [unified, older, [:]] {
            let unlimited = ["/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"]
            let facts = try read(groups.merging(unlimited, uniquingKeysWith: { $1 }))
            #expect((facts.memoryTotal, facts.memoryAvailable) == (16 << 30, 8 << 30))
            #expect((facts.quota, facts.processors) == (nil, 4))
            #expect((facts.cpuPressure, facts.memoryPressure) == (0.9, 0.8))
        }
    }

    @Test func `a small container has room for workers, and half a core for half as many`() {
        // 300 MiB, of which the supervisor has 30: a reserve of 256 MiB would leave nothing.
        let small = HostFacts(cores: 4, quota: 0.5, memoryAvailable: 270 << 20, memoryTotal: 300 << 20)
        let capacity = HostCapacity(small, HostLimits(), running: 0, workerMemory: nil)
        #expect((capacity.workers, capacity.limit) == (3, .hostMemory))
        let roomy = HostFacts(cores: 4, quota: 0.5, memoryAvailable: 8 << 30, memoryTotal: 8 << 30)
        let byQuota = HostCapacity(roomy, HostLimits(), running: 0, workerMemory: nil)
        #expect((byQuota.workers, byQuota.limit) == (4, .hostCPU))
    }

    @Test func `a minimum is kept where memory or processors would not do, but not past the host's own maximum`() {
        let tiny = HostFacts(cores: 1, quota: 0.1, memoryAvailable: 1 << 20, memoryTotal: 64 << 20)
        let capacity = HostCapacity(tiny, HostLimits(), running: 0, workerMemory: nil, minimum: 3)
        #expect((capacity.workers, capacity.owed) == (1, 3))
        let bound = HostCapacity(tiny, HostLimits(workersMax: 2), running: 0, workerMemory: nil, minimum: 3)
        #expect(bound.owed == 2)
    }
}
