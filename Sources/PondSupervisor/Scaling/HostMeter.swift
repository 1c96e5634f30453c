// What the host has and what it is short of, from the control group of this process and from /proc. Read, never guessed:
// where a file is missing (an old kernel, a container that hides it), the answer is that nothing is known, and nothing is
// limited by it. A container's limits count before the machine's, and its own waiting before that of its neighbours.

import Glibc
import PondProcess
package import PondScaling

/// Facts about the machine at one moment.
package struct HostFacts: Sendable, Hashable {
    /// Processors that this process may use.
    package var cores = 1
    /// Processors that its control group may use, which need not be whole; nil without such a limit.
    package var quota: Double?
    /// Memory that new processes could have, in bytes.
    package var memoryAvailable: Int64 = .max
    /// Memory that there is at most, used or not, in bytes; nil when nobody says.
    package var memoryTotal: Int64?
    /// Share of the last ten seconds in which something waited for a processor, 0 to 1.
    package var cpuPressure: Double?
    /// The same for memory.
    package var memoryPressure: Double?

    package init() {}

    package init(
        cores: Int,
        quota: Double? = nil,
        memoryAvailable: Int64,
        memoryTotal: Int64? = nil,
        cpuPressure: Double? = nil,
        memoryPressure: Double? = nil
    ) {
        self.cores = cores
        self.quota = quota
        self.memoryAvailable = memoryAvailable
        self.memoryTotal = memoryTotal
        self.cpuPressure = cpuPressure
        self.memoryPressure = memoryPressure
    }

    /// Processors that may be used, both limits taken together.
    package var processors: Double { min(Double(cores), quota ?? .infinity) }

    /// Reads the machine.
    ///
    /// - Parameter root: the folder that stands for `/`. Defaults to the machine's own.
    package static func read(root: String = "") -> HostFacts {
        var facts = HostFacts()
        if let text = SmallFile.text(root + "/proc/self/status"), let cores = cores(in: text) { facts.cores = cores }
        if let text = SmallFile.text(root + "/proc/meminfo") {
            if let available = bytes(of: "MemAvailable", in: text) { facts.memoryAvailable = available }
            facts.memoryTotal = bytes(of: "MemTotal", in: text)
        }
        let memory = ControlGroup.own("memory", root: root)
        let processor = ControlGroup.own("cpu", root: root)
        if let left = memory?.memoryLeft { facts.memoryAvailable = min(facts.memoryAvailable, left) }
        if let most = memory?.memoryMax { facts.memoryTotal = min(facts.memoryTotal ?? .max, most) }
        facts.quota = processor?.processorsMax
        let waits = processor?.pressure("cpu") ?? SmallFile.text(root + "/proc/pressure/cpu")
        let memoryWaits = memory?.pressure("memory") ?? SmallFile.text(root + "/proc/pressure/memory")
        facts.cpuPressure = waits.flatMap(pressure)
        facts.memoryPressure = memoryWaits.flatMap(pressure)
        return facts
    }

    /// A line of a text in the form of /proc/meminfo, in bytes.
    package static func bytes(of name: String, in text: String) -> Int64? {
        for line in text.split(separator: "\n") where line.hasPrefix("\(name):") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 * 1_024 }
        }
        return nil
    }

    /// `avg10` of the first line of a text in the form of /proc/pressure/cpu, as a share.
    package static func pressure(in text: String) -> Double? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("some ") }) else { return nil }
        for word in line.split(separator: " ") where word.hasPrefix("avg10=") {
            return Double(word.dropFirst(6)).map { $0 / 100 }
        }
        return nil
    }

    /// The bits of `Cpus_allowed` of a text in the form of /proc/self/status.
    package static func cores(in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix("Cpus_allowed:") {
            let digits = line.dropFirst(13).compactMap(\.hexDigitValue)
            return max(1, digits.reduce(0) { $0 + $1.nonzeroBitCount })
        }
        return nil
    }
}

/// How many workers a host can carry, and what bounds it.
package struct HostCapacity: Sendable, Hashable {
    /// The most worker processes.
    package var workers: Int
    /// What bounds them.
    package var limit: LimitingFactor
    /// How many it carries for the sake of minimums, whatever memory and processors say.
    package var owed: Int
    /// Whether workers may be added now; false while memory is short.
    package var mayGrow: Bool
    /// How many may be added at a look; one while processors are short, because jobs mostly wait for others.
    package var growthMax: Int?

    /// Memory that a worker is taken to need before one has been seen, in bytes.
    package static let workerMemoryGuess: Int64 = 64 << 20

    /// - Parameters:
    ///   - running: workers of this host that live, those that are stopping included.
    ///   - workerMemory: what most workers stay below, in bytes; nil before one has been seen.
    ///   - minimum: workers that the queues of this host are promised. Defaults to none.
    package init(_ facts: HostFacts, _ limits: HostLimits, running: Int, workerMemory: Int64?, minimum: Int = 0) {
        let perWorker = max(workerMemory ?? HostCapacity.workerMemoryGuess, 1 << 20)
        let reserve = limits.reserve(of: facts.memoryTotal)
        let free = max(0, facts.memoryAvailable.subtractingReportingOverflow(reserve).partialValue)
        let byMemory = running + Int(min(free / perWorker, Int64(SupervisorLimits.workers.upperBound)))
        let byCores = Int(min(facts.processors * Double(limits.workersPerCore), 1e6))
        let bySetting = limits.workersMax ?? SupervisorLimits.workers.upperBound
        // A host that took none at all would leave a queue without any worker for ever.
        workers = max(min(1, bySetting), min(byMemory, byCores, bySetting))
        limit = workers == bySetting ? .max : byCores <= byMemory ? .hostCPU : .hostMemory
        owed = min(bySetting, max(workers, minimum))
        mayGrow = (facts.memoryPressure ?? 0) <= limits.memoryPressureMax
        growthMax = (facts.cpuPressure ?? 0) <= limits.cpuPressureMax ? nil : 1
    }
}

extension HostLimits {
    /// Memory that is left to everything else, of what there is.
    func reserve(of total: Int64?) -> Int64 {
        memoryReserve ?? min(HostLimits.memoryReserveDefault, (total ?? .max) / 4)
    }
}

extension SmallFile {
    /// Memory that a process has in use, in bytes; nil when there is no such process.
    static func residentMemory(of pid: Int32) -> Int64? {
        let words = text("/proc/\(pid)/statm")?.split(separator: " ")
        return words?.dropFirst().first.flatMap { Int64($0) }.map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) }
    }
}
