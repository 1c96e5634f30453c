import PondCore
import PondQueue
import PondRedis

/// The checks of the server itself: I/O here, diagnosis in the extensions.
struct DoctorServer {
    private let server: PondServer
    private let clock: LocalClock
    /// Where the server is, without its password.
    private let address: String

    private static let pings = 5

    init(_ pond: Pond, address: String) {
        server = pond.server
        clock = pond.clock
        self.address = address
    }

    /// - Throws: `RedisError` when the server cannot be reached at all: then there is nothing to check.
    func findings() async throws(RedisError) -> [DoctorFinding] {
        var findings = [try await connection()]
        switch await ask({ () throws(RedisError) in try await server.info() }) {
        case .success(let text):
            let facts = ServerFacts(text)
            let config = await configuration()
            findings += DoctorServer.identity(facts)
            findings += DoctorServer.persistence(facts, config)
            findings += [DoctorServer.eviction(facts), DoctorServer.memory(facts)]
            if facts.mode == "cluster" { findings.append(await cluster()) }
        case .failure(let error):
            findings += ["version", "persistence", "eviction", "memory"].map { .unchecked($0, error.message) }
        }
        findings.append(await skew())
        return findings
    }

    /// How fast the server answers, or why it does not, which ends no other check.
    private func connection() async throws(RedisError) -> DoctorFinding {
        do throws(RedisError) {
            return DoctorServer.latency(try await latency(), address)
        } catch {
            guard let finding = DoctorServer.refusal(error, address) else { throw error }
            return finding
        }
    }

    private func ask<Answer>(
        _ question: () async throws(RedisError) -> Answer
    ) async -> Result<Answer, RedisError> {
        do throws(RedisError) {
            return .success(try await question())
        } catch {
            return .failure(error)
        }
    }

    /// The median of a few round trips; the first, which connects, does not count.
    private func latency() async throws(RedisError) -> Duration {
        try await server.ping()
        var times: [Duration] = []
        for _ in 0..<DoctorServer.pings {
            let start = clock.now()
            try await server.ping()
            times.append(clock.now() - start)
        }
        return times.sorted()[DoctorServer.pings / 2]
    }

    /// Settings that INFO does not tell; the error when this user may not ask for them.
    private func configuration() async -> Result<[String: String], RedisError> {
        var values: [String: String] = [:]
        for name in ["appendfsync", "save"] {
            switch await ask({ () throws(RedisError) in try await server.setting(name) }) {
            case .success(let value): values[name] = value ?? ""
            case .failure(let error): return .failure(error)
            }
        }
        return .success(values)
    }

    private func cluster() async -> DoctorFinding {
        switch await ask({ () throws(RedisError) in try await server.clusterInfo() }) {
        case .success(let text): DoctorServer.cluster(ServerFacts(text))
        case .failure(let error): .unchecked("cluster", error.message)
        }
    }

    private func skew() async -> DoctorFinding {
        let before = clock.now()
        let reply = await ask { () throws(RedisError) in try await server.time() }
        let roundTrip = clock.now() - before
        let here = WallClock.read()
        switch reply {
        case .success(let there):
            return DoctorServer.skew(here.since(there) - roundTrip / 2, roundTrip)
        case .failure(let error):
            return .unchecked("clock", error.message)
        }
    }
}
