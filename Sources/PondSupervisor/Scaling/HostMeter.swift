// What the host has and what it is short of, from /proc. Read, never guessed: where a file is missing (an old kernel, a
// container that hides it), the answer is that nothing is known, and nothing is limited by it.

import Glibc
package import PondScaling

/// Facts about the machine at one moment.
package struct HostFacts: Sendable, Hashable {
    /// Processors that this process may use.
    package var cores = 1
    /// Memory that new processes could have, in bytes.
    package var memoryAvailable: Int64 = .max
    /// Share of the last ten seconds in which something waited for a processor, 0 to 1.
    package var cpuPressure: Double?
    /// The same for memory.
    package var memoryPressure: Double?

    package init() {}

    package init(cores: Int, memoryAvailable: Int64, cpuPressure: Double? = nil, memoryPressure: Double? = nil) {
        self.cores = cores
        self.memoryAvailable = memoryAvailable
        self.cpuPressure = cpuPressure
        self.memoryPressure = memoryPressure
    }

    /// Reads the machine.
    package static func read() -> HostFacts {
        var facts = HostFacts()
        if let text = ProcFile.text("/proc/self/status"), let cores = cores(in: text) { facts.cores = cores }
        if let text = ProcFile.text("/proc/meminfo"), let available = memoryAvailable(in: text) {
            facts.memoryAvailable = available
        }
        if let left = ControlGroup.own()?.memoryLeft { facts.memoryAvailable = min(facts.memoryAvailable, left) }
        facts.cpuPressure = ProcFile.text("/proc/pressure/cpu").flatMap(pressure)
        facts.memoryPressure = ProcFile.text("/proc/pressure/memory").flatMap(pressure)
        return facts
    }

    /// `MemAvailable` of a text in the form of /proc/meminfo, in bytes.
    package static func memoryAvailable(in text: String) -> Int64? {
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
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
    /// Whether workers may be added now; false while memory is short.
    package var mayGrow: Bool
    /// How many may be added at a look; one while processors are short, because jobs mostly wait for others.
    package var growthMax: Int?

    /// Memory that a worker is taken to need before one has been seen, in bytes.
    package static let workerMemoryGuess: Int64 = 64 << 20

    /// - Parameters:
    ///   - running: workers of this host that live, those that are stopping included.
    ///   - workerMemory: what most workers stay below, in bytes; nil before one has been seen.
    package init(_ facts: HostFacts, _ limits: HostLimits, running: Int, workerMemory: Int64?) {
        let perWorker = max(workerMemory ?? HostCapacity.workerMemoryGuess, 1 << 20)
        let free = max(0, facts.memoryAvailable.subtractingReportingOverflow(limits.memoryReserve).partialValue)
        let byMemory = running + Int(min(free / perWorker, Int64(SupervisorLimits.workers.upperBound)))
        let byCores = facts.cores * limits.workersPerCore
        let bySetting = limits.workersMax ?? SupervisorLimits.workers.upperBound
        workers = min(byMemory, byCores, bySetting)
        limit = workers == bySetting ? .max : workers == byCores ? .hostCPU : .hostMemory
        mayGrow = (facts.memoryPressure ?? 0) <= limits.memoryPressureMax
        growthMax = (facts.cpuPressure ?? 0) <= limits.cpuPressureMax ? nil : 1
    }
}

/// Small files of the kernel.
enum ProcFile {
    /// The file's text, nil when it cannot be read.
    static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = read(descriptor, &bytes, bytes.count)
        return count >= 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    /// Writes a text to a file that exists.
    ///
    /// - Returns: what went wrong, nil when nothing did.
    static func write(_ text: String, to path: String) -> String? {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        return Glibc.write(descriptor, bytes, bytes.count) == bytes.count ? nil : String(cString: strerror(errno))
    }

    /// Memory that a process has in use, in bytes; nil when there is no such process.
    static func residentMemory(of pid: Int32) -> Int64? {
        let words = text("/proc/\(pid)/statm")?.split(separator: " ")
        return words?.dropFirst().first.flatMap { Int64($0) }.map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) }
    }
}
