package import PondCore
import PondFleet
import PondQueue
import PondRedis
import PondSQLite
import PondScaling

/// What a deployment needs beside health: the checklist of docs/production.md.
///
/// Reading here, diagnosis below.
package struct DoctorProduction {
    let doctor: Doctor
    private var pond: Pond { doctor.pond }

    /// More dead jobs of a queue are more than anybody looks at one by one.
    static let deadMax = 1_000

    func findings(history: Doctor.ReadHistory) async -> [DoctorFinding] {
        var findings = [await login(), network, await replica(), await self.history(history)]
        do {
            let names = try await pond.queues()
            let plans = try await fleetPlans()
            for name in names { findings += try await queue(name, plans) }
            if names.isEmpty { findings.append(.unchecked("workers", "no queue is known yet")) }
        } catch {
            // That the queues cannot be read is told of by the checks of the queues.
            findings.append(.unchecked("workers", doctor.explain(error).message))
        }
        return findings
    }

    // MARK: The server

    private func login() async -> DoctorFinding {
        do throws(RedisError) {
            let user = try await pond.server.user()
            return Self.login(user: user, hasPassword: doctor.configuration.password != nil)
        } catch {
            return .unchecked("login", error.message)
        }
    }

    private var network: DoctorFinding {
        guard case .tcp(let host, _) = doctor.configuration.address else {
            return .ok("network", "a unix socket of this machine")
        }
        return Self.network(host: host, hasTLS: doctor.configuration.tls != nil)
    }

    private func replica() async -> DoctorFinding {
        do throws(RedisError) {
            let facts = ServerFacts(try await pond.server.info("replication"))
            return Self.replica(facts)
        } catch {
            return .unchecked("replica", error.message)
        }
    }

    // MARK: The history

    private func history(_ read: Doctor.ReadHistory) async -> DoctorFinding {
        do {
            let read = try await read()
            return Self.history(read.status, in: read.file, of: read.server)
        } catch {
            return .warning(
                "history",
                doctor.explain(error).message,
                advice: "run \(Action.follow.inSentence) beside the workers: it knows ended jobs and correlation ids"
            )
        }
    }

    // MARK: The queues

    private func fleetPlans() async throws -> [FleetPlan] {
        var plans: [FleetPlan] = []
        for name in try await pond.fleets().prefix(10) {
            if let plan = try await pond.fleet(name).view().plan { plans.append(plan) }
        }
        return plans
    }

    private func queue(_ name: QueueName, _ plans: [FleetPlan]) async throws -> [DoctorFinding] {
        let queue = try pond.queue(name.text)
        let status = try await QueueStatus.read(queue)
        let isScaled = plans.contains { $0.decisions[name.text] != nil }
        let groups = status.dead > 0 ? try await queue.groups() : []
        return [
            Self.workers(name, workers: status.workers, isScaled: isScaled),
            Self.dead(name, dead: status.dead, groups: groups.count),
        ]
    }
}

// MARK: Diagnosis

extension DoctorProduction {
    /// Whether the server asks who comes.
    package static func login(user: String, hasPassword: Bool) -> DoctorFinding {
        if user != "default" { return .ok("login", "as \(user), a user of its own") }
        guard hasPassword else {
            return .failure(
                "login",
                "anybody who reaches the server may read, change and delete jobs: it asks for no password",
                advice: "make a user for each role with ACL SETUSER: docs/security.md has their rights"
            )
        }
        return .warning(
            "login",
            "as the user default, who may do everything",
            advice: "give producers and workers users of their own: docs/security.md has their rights"
        )
    }

    /// Whether others can read along.
    package static func network(host: String, hasTLS: Bool) -> DoctorFinding {
        let isLocal = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        if hasTLS { return .ok("network", "TLS to \(host)") }
        if isLocal { return .ok("network", "\(host), this machine") }
        return .warning(
            "network",
            "payloads and the password go to \(host) in the clear",
            advice: "use rediss://, unless the network between is your own"
        )
    }

    static func replica(_ facts: ServerFacts) -> DoctorFinding {
        guard let count = facts.number("connected_slaves") else {
            return .unchecked("replica", "INFO does not tell it")
        }
        if count > 0 { return .ok("replica", "\(count.of("replica")) connected") }
        return .warning(
            "replica",
            "no replica: if this machine is lost, its jobs are lost too",
            advice: "add one; a failover may still lose the last moments: docs/delivery.md"
        )
    }

    /// Whether somebody is there while one restarts.
    package static func workers(_ name: QueueName, workers: Int, isScaled: Bool) -> DoctorFinding {
        let check = "workers \(name)"
        if isScaled { return .ok(check, "\(workers.of("worker")), sized by a fleet") }
        if workers >= 2 {
            return .warning(
                check,
                "\(workers.of("worker")), and nothing that adds more when jobs wait",
                advice:
                    "\(Action.supervise(name.text).inSentence) sizes them by how long jobs may wait: docs/autoscaling.md"
            )
        }
        return .failure(
            check,
            workers == 0 ? "no worker" : "a single worker: while it restarts nothing runs",
            advice: "run two at least, or a fleet: \(Action.supervise(name.text).inSentence)"
        )
    }

    /// Whether somebody looks at the dead.
    package static func dead(_ name: QueueName, dead: Int, groups: Int) -> DoctorFinding {
        let check = "dead \(name)"
        let text = dead == 0 ? "none" : "\(dead.of("job")) in \(groups.of("group"))"
        guard dead >= deadMax else { return .ok(check, text) }
        return .warning(
            check,
            text,
            advice:
                "\(Action.groups(name.text).inSentence) shows what they have in common; retry, ignore or discard them"
        )
    }

    /// - Parameters:
    ///   - file: the history that was looked at; those of other files are not seen from here.
    ///   - server: what is checked, as a history names it.
    static func history(_ status: HistoryStatus, in file: String, of server: String) -> DoctorFinding {
        if let owner = status.server, owner != server {
            return .warning(
                "history",
                "\(file) is the history of \(owner), and this is \(server)",
                advice: "name the file that the follower of this server has: --file, or MILLPOND_HISTORY"
            )
        }
        guard status.isFollowed else {
            return .failure(
                "history",
                "nobody follows into \(file)",
                advice: "run \(Action.follow.inSentence) beside the workers; if one runs with another file, name it: "
                    + "--file, or MILLPOND_HISTORY"
            )
        }
        let missed = status.missed > 0 ? ", \(Int(status.missed).of("event")) missed" : ""
        let text = "\(status.events.of("event")), \(Int(status.behind).of("event")) behind\(missed)"
        guard status.behind < 100_000 else {
            return .warning(
                "history",
                text,
                advice: "see \(Action.historyStatus.inSentence): its disk or processor is too slow"
            )
        }
        return .ok("history", text)
    }
}
