import PondCore
import PondQueue
import PondRedis

// What a healthy server looks like: facts in, findings out.

extension DoctorServer {
    private static let redisFloor = "7.0"
    private static let valkeyFloor = "7.2"

    static func latency(_ median: Duration, _ address: String) -> DoctorFinding {
        let tenths = Double(median.components.attoseconds / 100_000_000_000_000) / 10
        let text = median < .milliseconds(100) ? "\(tenths)ms" : median.human
        guard median > .milliseconds(50) else { return .ok("connection", "\(address) answers a PING in \(text)") }
        return .warning(
            "connection",
            "\(address) takes \(text) to answer a PING",
            advice: "every call pays this; look at the network, at SLOWLOG GET and at the server's load"
        )
    }

    /// What a server means that answers a PING with an error; nil when there is nothing to check behind it.
    static func refusal(_ error: RedisError, _ address: String) -> DoctorFinding? {
        if let why = PondServer.writeRefusal(error) {
            return .failure(
                "writes",
                "\(address) takes no writes: \(why); no job is taken, and workers can neither beat nor end a job",
                advice: diskAdvice + "; then it takes writes again by itself"
            )
        }
        switch error.prefix {
        case "NOPERM": return .unchecked("connection", error.message)
        case "LOADING", "BUSY", "MASTERDOWN":
            return .failure(
                "connection",
                "\(address) cannot serve just now: \(error.message)",
                advice: "wait for it, and look at its log; INFO persistence tells how far the loading is"
            )
        default: return nil
        }
    }

    /// What to do when the server cannot write its data.
    static let diskAdvice =
        "free space on the disk of the server's directory, or give it the right to write there; its log says which"

    /// What server it is, and whether it takes writes.
    static func identity(_ facts: ServerFacts) -> [DoctorFinding] {
        var findings = [version(facts)]
        if facts["role"] == "slave" {
            let primary = "\(facts["master_host"] ?? "?"):\(facts["master_port"] ?? "?")"
            findings.append(
                .failure(
                    "role",
                    "this server is a replica of \(primary) and takes no writes",
                    advice: "name the primary with --redis or MILLPOND_REDIS_URL"
                )
            )
        }
        if facts.mode == "sentinel" {
            findings.append(
                .failure("role", "this is a Sentinel, which holds no data", advice: "name the primary with --redis")
            )
        }
        return findings
    }

    private static func version(_ facts: ServerFacts) -> DoctorFinding {
        let isValkey = facts["server_name"] == "valkey" || facts["valkey_version"] != nil
        let name = isValkey ? "Valkey" : "Redis"
        let text = (isValkey ? facts["valkey_version"] : nil) ?? facts["redis_version"] ?? ""
        let floor = isValkey ? valkeyFloor : redisFloor
        guard let version = DoctorVersion(text), let least = DoctorVersion(floor) else {
            return .unchecked("version", "the server does not say its version")
        }
        let mode = facts.mode.map { ", \($0)" } ?? ""
        guard version >= least else {
            return .failure(
                "version",
                "\(name) \(text) has no functions; Millpond needs Redis \(redisFloor) or Valkey \(valkeyFloor)",
                advice: "upgrade the server"
            )
        }
        return .ok("version", "\(name) \(text)\(mode)")
    }

    static func cluster(_ facts: ServerFacts) -> DoctorFinding {
        guard facts["cluster_state"] == "ok" else {
            return .failure(
                "cluster",
                "the cluster's state is \(facts["cluster_state"] ?? "unknown"): it answers no queue",
                advice: "look at CLUSTER INFO and CLUSTER NODES; every slot needs a node that is up"
            )
        }
        return .ok("cluster", "state ok, \(facts["cluster_size"] ?? "?") node(s) with slots")
    }

    static func skew(_ skew: Duration, _ roundTrip: Duration) -> DoctorFinding {
        let size = skew < .zero ? .zero - skew : skew
        let direction = skew < .zero ? "behind" : "ahead of"
        // Half a round trip is how well the two clocks can be compared; whole milliseconds are how finely they are read.
        let doubt = roundTrip / 2 + .milliseconds(1)
        if size <= doubt { return .ok("clock", "this machine and Redis agree within \(doubt.human)") }
        let text = "this machine is \(size.human) \(direction) Redis (± \(doubt.human))"
        guard size - doubt > .seconds(1) else { return .ok("clock", text) }
        return .warning(
            "clock",
            text,
            advice: "jobs run by Redis' clock, so times given with --at are off by that much; let NTP set both clocks"
        )
    }
}
