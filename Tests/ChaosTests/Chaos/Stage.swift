import ChaosKit
import FoundationEssentials
import Glibc
import Logging
import Millpond
import Synchronization

/// The processes of a run: Redis, the ledger, supervisors with their workers, producers, and the proxy between.
final class Stage: Sendable {
    private struct State {
        var redis: ChildProgram?
        var ledger: ChildProgram?
        var supervisors: [Int: ChildProgram] = [:]
        var producers: [ChildProgram] = []
        var supervisorStarts = 0
    }

    let place: Place
    let settings: RunSettings
    /// `NAME=VALUE` in the environment of everything that belongs to the run.
    let mark: String
    let proxy: FaultProxy
    /// The library that turns clocks, nil where there is no C compiler.
    let shim: String?
    /// Whether the append-only file is on a small disk of its own.
    let hasSmallDisk: Bool
    private let port: UInt16
    private let program: String
    private let state = Mutex(State())

    /// Makes the folder's contents; nothing is started.
    init(_ place: Place, _ settings: RunSettings, mark: String) throws {
        (self.place, self.settings, self.mark) = (place, settings, mark)
        for folder in [place.history, place.logs, place.disk] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        program = try OwnProgram.path()
        port = try Ports.free()
        proxy = try FaultProxy(upstream: port)
        for who in ["redis", "workers"] { try ClockShim.turn(place.clock(who), by: 0) }
        shim = try ClockShim.compile(in: place.folder)
        let megabytes = settings.faultSeconds > 600 ? 2_048 : 512
        hasSmallDisk =
            try getuid() == 0
            && ChildProgram.run(["mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "chaos", place.disk]) == 0
    }

    /// Redis over its own socket, past the proxy.
    var adminURL: String { "unix://\(place.redisSocket)" }

    private func redisURL(viaProxy: Bool) -> String { "redis://127.0.0.1:\(viaProxy ? proxy.port : port)" }

    private func environment(_ url: String? = nil, clock: String? = nil) -> [String: String] {
        let parts = mark.split(separator: "=").map { String($0) }
        var environment = [parts[0]: parts[1], Place.variable: place.folder, "SWIFT_BACKTRACE": "enable=no"]
        if let url { environment["MILLPOND_REDIS_URL"] = url }
        if let clock, let shim {
            environment["LD_PRELOAD"] = shim
            environment[ClockShim.variable] = place.clock(clock)
        }
        return environment
    }
}

// MARK: - Starting

extension Stage {
    func startRedis() throws {
        let arguments = [
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--protected-mode", "no",
            "--unixsocket", place.redisSocket, "--dir", place.disk, "--logfile", "\(place.logs)/redis.log",
            "--pidfile", place.redisPID, "--daemonize", "no", "--save", "", "--appendonly", "yes",
            "--appendfsync", settings.durability, "--enable-debug-command", "yes",
        ]
        let redis = try ChildProgram("redis-server", arguments, environment: environment(clock: "redis"))
        state.withLock { $0.redis = redis }
    }

    func startLedger() throws {
        let ledger = try ChildProgram(
            "the ledger",
            [program, "ledger"],
            environment: environment(),
            log: "\(place.logs)/ledger.log",
            hasLifeline: true
        )
        state.withLock { $0.ledger = ledger }
    }

    /// Starts a supervisor: the odd ones reach Redis through the proxy, the even ones have clocks that are turned.
    func startSupervisor(_ number: Int) throws {
        let url = redisURL(viaProxy: number % 2 == 1)
        let supervisor = try ChildProgram(
            "supervisor \(number)",
            [program, "supervise", "--workers", "\(settings.workersPerSupervisor)"],
            environment: environment(url, clock: number % 2 == 0 ? "workers" : nil),
            log: "\(place.logs)/supervisor-\(number).log"
        )
        state.withLock { state in
            state.supervisors[number] = supervisor
            state.supervisorStarts += 1
        }
    }

    func startSupervisors() throws {
        for number in 0..<settings.supervisors { try startSupervisor(number) }
    }

    func startProducers() throws {
        for number in 0..<settings.producers {
            let producer = try ChildProgram(
                "producer \(number)",
                [program, "produce", "--number", "\(number)"],
                environment: environment(redisURL(viaProxy: number % 2 == 1)),
                log: "\(place.logs)/producer-\(number).log"
            )
            state.withLock { $0.producers.append(producer) }
        }
    }
}

// MARK: - The living

extension Stage {
    var redis: ChildProgram? { state.withLock { $0.redis } }
    var supervisors: [Int: ChildProgram] { state.withLock { $0.supervisors } }
    var producers: [ChildProgram] { state.withLock { $0.producers } }
    var ledger: ChildProgram? { state.withLock { $0.ledger } }

    /// The living worker processes, by number.
    func workers() -> [ProcessTable.Entry] {
        ProcessTable.marked(mark).filter { $0.role == "worker" && !$0.isZombie }
    }

    /// What should be running and has ended.
    var ended: String? {
        let programs = state.withLock { state in
            [state.ledger].compactMap { $0 } + state.producers + state.supervisors.values
        }
        return programs.first { $0.hasEnded }?.name
    }

    /// Kills whatever is left of the run.
    func killAll() async throws {
        proxy.set(FaultProxy.Weather())
        redis?.send(SIGKILL)
        for _ in 0..<3 {
            for entry in ProcessTable.marked(mark) where !entry.isZombie { kill(entry.pid, SIGKILL) }
            try await LocalClock.system.sleep(.milliseconds(50))
        }
        let all = state.withLock { state in
            [state.redis, state.ledger].compactMap { $0 } + state.producers + state.supervisors.values
        }
        for program in all { _ = try await program.ends(within: .seconds(2)) }
        proxy.stop()
        if hasSmallDisk { _ = try ChildProgram.run(["umount", "-l", place.disk]) }
    }

    /// Lets everybody run on who was stopped.
    func resumeAll() {
        for entry in ProcessTable.marked(mark) { kill(entry.pid, SIGCONT) }
    }
}

/// Ports of the loopback interface.
enum Ports {
    static func free() throws -> UInt16 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(file, pointer, length) == 0 && getsockname(file, pointer, &length) == 0
        }
        guard isBound else { throw ChaosError("no free loopback port: \(ChaosError.system)") }
        return UInt16(bigEndian: address.sin_port)
    }
}
