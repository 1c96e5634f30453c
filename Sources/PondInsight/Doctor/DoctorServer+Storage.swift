import PondCore
import PondRedis

// Whether what is acknowledged stays: persistence, eviction, memory.

extension DoctorServer {
    /// How durable an acknowledged enqueue really is, and whether the last writes to disk went well.
    static func persistence(
        _ facts: ServerFacts,
        _ config: Result<[String: String], RedisError>
    ) -> [DoctorFinding] {
        guard let appends = facts["aof_enabled"] else {
            return [.unchecked("persistence", "INFO tells nothing about it")]
        }
        let durability = appends == "1" ? appendOnly(config) : snapshots(facts, config)
        return [durability] + brokenWrites(facts)
    }

    private static func appendOnly(_ config: Result<[String: String], RedisError>) -> DoctorFinding {
        switch config {
        case .failure(let error):
            return .unchecked(
                "persistence",
                "the append-only file is on, but how often it reaches the disk is not known (\(error.message))"
            )
        case .success(let values):
            switch values["appendfsync"] {
            case "always":
                return .ok("persistence", "append-only file, fsync always: what was acknowledged survives a power cut")
            case "everysec":
                return .ok(
                    "persistence",
                    "append-only file, fsync every second: a power cut may lose a second, a crash what a slow disk held back"
                )
            default:
                return .warning(
                    "persistence",
                    "append-only file, fsync left to the system: a power cut may lose the last half minute",
                    advice: "CONFIG SET appendfsync everysec, then CONFIG REWRITE"
                )
            }
        }
    }

    private static func snapshots(
        _ facts: ServerFacts,
        _ config: Result<[String: String], RedisError>
    ) -> DoctorFinding {
        let advice = "CONFIG SET appendonly yes, then CONFIG REWRITE"
        guard case .success(let values) = config else {
            return .warning(
                "persistence",
                "the append-only file is off, so a crash loses the jobs since the last snapshot, if there is one",
                advice: advice
            )
        }
        guard let save = values["save"], !save.isEmpty else {
            return .warning(
                "persistence",
                "nothing is written to disk: a restart of Redis loses every job",
                advice: advice
            )
        }
        let changes = facts.number("rdb_changes_since_last_save").map { ", \($0.grouped) changes since the last" } ?? ""
        return .warning(
            "persistence",
            "snapshots only (save \(save)\(changes)): a crash loses what came after the last one",
            advice: advice
        )
    }

    private static func brokenWrites(_ facts: ServerFacts) -> [DoctorFinding] {
        let advice = diskAdvice
        var findings: [DoctorFinding] = []
        if facts["aof_enabled"] == "1", facts["aof_last_write_status"] == "err" {
            findings.append(
                .failure("disk", "the last write to the append-only file failed: enqueues are refused", advice: advice)
            )
        }
        if facts["aof_enabled"] == "1", facts["aof_last_bgrewrite_status"] == "err" {
            findings.append(
                .warning("disk", "the last rewrite of the append-only file failed: it grows", advice: advice)
            )
        }
        if facts["rdb_last_bgsave_status"] == "err" {
            findings.append(
                .failure("disk", "the last snapshot failed: enqueues may be refused (MISCONF)", advice: advice)
            )
        }
        return findings
    }

    /// Whether a full server deletes jobs.
    static func eviction(_ facts: ServerFacts) -> DoctorFinding {
        guard let policy = facts["maxmemory_policy"] else {
            return .unchecked("eviction", "INFO does not tell the policy")
        }
        let advice = "CONFIG SET maxmemory-policy noeviction, then CONFIG REWRITE"
        if policy == "noeviction" { return .ok("eviction", "noeviction: a full server refuses jobs, it deletes none") }
        if policy.hasPrefix("volatile-") {
            return .warning(
                "eviction",
                "\(policy): it deletes keys that have an expiry; Millpond's have none today",
                advice: advice
            )
        }
        guard facts.number("maxmemory") ?? 0 > 0 else {
            return .warning(
                "eviction",
                "\(policy): harmless while there is no maxmemory, but with one the server deletes jobs",
                advice: advice
            )
        }
        return .failure("eviction", "\(policy): when memory is full the server deletes jobs silently", advice: advice)
    }

    /// How much room is left.
    static func memory(_ facts: ServerFacts) -> DoctorFinding {
        guard let used = facts.number("used_memory") else { return .unchecked("memory", "INFO does not tell it") }
        let limit = facts.number("maxmemory") ?? 0
        let machine = facts.number("total_system_memory") ?? 0
        let bound = limit > 0 ? limit : machine
        let name = limit > 0 ? "of maxmemory \(size(limit))" : "no maxmemory, the machine has \(size(machine))"
        guard bound > 0 else { return .ok("memory", "\(size(used)) in use, no maxmemory") }
        let text = "\(size(used)) in use, \(name)"
        let percent = ServerMemory(used: used, limit: bound).percent
        if percent < ServerMemory.shortPercent { return .ok("memory", text) }
        let advice = "see the largest keys below; let workers catch up, or give it more memory"
        return percent < ServerMemory.fullPercent
            ? .warning("memory", "\(text): \(percent)% full", advice: advice)
            : .failure("memory", "\(text): full, so jobs are refused or about to be", advice: advice)
    }

    /// Bytes as people read them: `12.3 MB`.
    static func size(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1_000 { return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)" }
            value /= 1_000
        }
        return "\((value * 10).rounded() / 10) TB"
    }
}
