// `millpond.yaml`: the queues of a fleet and how long a job may wait in each. Every key is known by name; one that is not
// is refused with the nearest that is, because a misspelt `wait_taget` that is passed over would be found at 3 a.m.

import Millpond
import PondCore
import PondScaling
import PondSupervisor
import Yams

/// The file of a fleet, as it was read and checked.
struct FleetFile {
    /// The largest file, in bytes.
    static let bytesMax = 262_144

    let configuration: ScaledFleetConfiguration
    /// The limits that it defines.
    let limits: [LimitDefinition]

    /// Reads the file.
    ///
    /// - Parameter own: what a pool runs that names no command.
    /// - Throws: `CommandFailure` that names the file, the line, what was found and what is allowed.
    static func read(_ path: String, own: PoolConfiguration) throws -> FleetFile {
        let bytes: [UInt8]
        do throws(BoundedFile.Obstacle) {
            bytes = try BoundedFile.read(path, atMost: bytesMax)
        } catch {
            throw CommandFailure(.usage, "\(path) cannot be read: \(error.reason)", hint: "name a file with --config")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.usage, "\(path): not UTF-8", hint: "save it as UTF-8")
        }
        return try parse(text, named: path, own: own)
    }

    /// Reads the text of a file.
    static func parse(_ text: String, named path: String, own: PoolConfiguration) throws -> FleetFile {
        let node: Node?
        do {
            // Every value is read as text: whether it is a number is for the reader to say.
            node = try Yams.compose(yaml: text, .basic)
        } catch {
            throw CommandFailure(
                .usage,
                path + FleetFile.problem(error),
                hint: "docs/autoscaling.md shows a whole file"
            )
        }
        guard let node else {
            throw CommandFailure(.usage, "\(path): it is empty", hint: "docs/autoscaling.md shows a whole file")
        }
        let reader = try YAMLReader(node, path: path, place: "")
        let file = FleetFile(
            configuration: try fleet(reader, own: own),
            limits: try reader.pairs("limits") { name, text throws(PondError) in
                LimitDefinition(name: try LimitName(defined: name), spec: try LimitSpec(text))
            }
        )
        do {
            try file.configuration.validate()
        } catch let error as SupervisorError {
            throw CommandFailure(.usage, "\(path): \(error.message)", hint: "correct it and start again")
        }
        return file
    }

    /// What is wrong with the text, on one line: where, what, and in the middle of what.
    private static func problem(_ error: any Error) -> String {
        let text: String
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            text = ":\(mark.line):\(mark.column): \(problem)" + (context.map { ", \($0.text)" } ?? "")
        case YamlError.duplicatedKeysInMapping(let keys, let context):
            text = ":\(context.mark.line): given twice: \(keys.joined(separator: ", "))"
        case YamlError.reader(let problem, let offset, _, _):
            text = ": \(problem)" + (offset.map { " at byte \($0)" } ?? "")
        default: text = ": \(error)"
        }
        return text.split(separator: "\n").joined(separator: "; ")
    }

    private static func fleet(_ reader: YAMLReader, own: PoolConfiguration) throws -> ScaledFleetConfiguration {
        try reader.allow(["fleet", "max_workers", "command", "host", "queues", "limits", "interval", "lease", "lead"])
        var base = own
        if let command = try reader.words("command") { base.command.run(command) }
        let queues = try reader.children("queues") ?? []
        var fleet = ScaledFleetConfiguration(
            name: try reader.text("fleet") ?? "default",
            workersMax: try reader.whole("max_workers") ?? 10,
            pools: try queues.map { name, reader in try pool(name, reader, base: base) }
        )
        if let host = try reader.child("host") { fleet.host = try hostLimits(host) }
        if let interval = try reader.duration("interval") { fleet.interval = interval }
        if let lease = try reader.duration("lease") { fleet.lease = lease }
        if let mayLead = try reader.flag("lead") { fleet.mayLead = mayLead }
        for index in fleet.pools.indices {
            fleet.pools[index].policy.workersMax = min(fleet.pools[index].policy.workersMax, fleet.workersMax)
        }
        return fleet
    }

    private static func pool(_ name: String, _ reader: YAMLReader, base: PoolConfiguration) throws -> PoolConfiguration
    {
        try reader.allow([
            "wait_target", "min", "max", "reserve", "weight", "slots", "service_time", "idle_to_zero", "grace",
            "command",
            "worker_memory", "worker_jobs", "limited_by",
        ])
        var pool = base
        pool.queue = name
        if let target = try reader.duration("wait_target") { pool.policy.waitTarget = target }
        pool.policy.weight = try reader.whole("weight") ?? usualWeight(pool.policy.waitTarget)
        if let least = try reader.whole("min") { pool.policy.workersMin = least }
        pool.policy.workersMax = try reader.whole("max") ?? .max
        if let reserve = try reader.whole("reserve") { pool.policy.reserve = reserve }
        if let slots = try reader.whole("slots") { pool.policy.slots = slots }
        if let guess = try reader.duration("service_time") { pool.policy.serviceTimeGuess = guess }
        if let idle = try reader.duration("idle_to_zero") { pool.policy.idleToZero = idle }
        if let grace = try reader.duration("grace") { pool.gracePeriod = grace }
        if let command = try reader.words("command") { pool.command.run(command) }
        if let memory = try reader.bytes("worker_memory") { pool.memoryMax = memory }
        if let jobs = try reader.whole("worker_jobs") { pool.jobsMax = jobs }
        for (kind, need) in try reader.pairs("limited_by", kindLimit) { pool.limitedBy[kind] = need }
        return pool
    }

    private static func kindLimit(_ kind: String, _ text: String) throws(PondError) -> (String, String) {
        (try JobKind(kind).text, try LimitNeed(text).text)
    }

    /// What waits least weighs most when there are not enough workers for all.
    private static func usualWeight(_ waitTarget: Duration) -> Int {
        waitTarget <= .seconds(10) ? 4 : waitTarget <= .seconds(60) ? 2 : 1
    }

    private static func hostLimits(_ reader: YAMLReader) throws -> HostLimits {
        try reader.allow([
            "max_workers", "workers_per_core", "memory_reserve", "cpu_pressure_max", "memory_pressure_max",
        ])
        var limits = HostLimits()
        limits.workersMax = try reader.whole("max_workers")
        if let count = try reader.whole("workers_per_core") { limits.workersPerCore = count }
        if let bytes = try reader.bytes("memory_reserve") { limits.memoryReserve = bytes }
        if let share = try reader.share("cpu_pressure_max") { limits.cpuPressureMax = share }
        if let share = try reader.share("memory_pressure_max") { limits.memoryPressureMax = share }
        return limits
    }
}

extension WorkerCommand {
    /// Runs another program, in the same environment: where Redis is, is said there.
    fileprivate mutating func run(_ words: [String]) {
        executable = words.first ?? ""
        arguments = Array(words.dropFirst())
    }
}
