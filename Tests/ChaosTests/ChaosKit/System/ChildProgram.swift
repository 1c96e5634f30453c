import Glibc
import PondCore
import Synchronization

/// A child of the orchestrator, in a process group of its own, with a clean signal mask.
package final class ChildProgram: Sendable {
    /// What it is called in messages.
    package let name: String
    package let pid: Int32
    private let lifeline: Int32
    var input: Int32 { lifeline }
    private let status = Mutex<Int32?>(nil)

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - environment: on top of this process' own.
    ///   - log: where its output goes, appended.
    ///   - hasLifeline: whether its standard input is a pipe that ends with this process.
    package init(
        _ name: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        log: String = "/dev/null",
        hasLifeline: Bool = false
    ) throws {
        self.name = name
        var ends: [Int32] = [-1, -1]
        // Opened to be closed on exec in one step: a sibling that inherits an end would hold the pipe open.
        if hasLifeline, socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) != 0 {
            throw ChaosError("no lifeline for \(name): \(ChaosError.system)")
        }
        defer { if ends[0] >= 0 { close(ends[0]) } }
        lifeline = ends[1]
        pid = try ChildProgram.spawn(name, arguments, environment, log, ends[0])
    }

    deinit { if lifeline >= 0 { close(lifeline) } }

    /// Sends it a signal, unless it was reaped already.
    package func send(_ signal: Int32) {
        status.withLock { if $0 == nil { kill(pid, signal) } }
    }

    /// Whether it has ended; it is reaped when it has.
    package var hasEnded: Bool {
        status.withLock { status in
            if status != nil { return true }
            var code: Int32 = 0
            guard waitpid(pid, &code, WNOHANG) == pid else { return false }
            status = code
            return true
        }
    }

    /// Waits for its end.
    ///
    /// - Returns: false when it goes on after the limit.
    package func ends(within limit: Duration) async throws -> Bool {
        let clock = LocalClock.system
        let deadline = clock.now() + limit
        while !hasEnded {
            if clock.now() > deadline { return false }
            try await clock.sleep(.milliseconds(10))
        }
        return true
    }

    /// Runs a short program to its end.
    ///
    /// - Returns: its exit code.
    package static func run(_ arguments: [String]) throws -> Int32 {
        let program = try ChildProgram(arguments[0], arguments)
        var code: Int32 = 0
        while waitpid(program.pid, &code, 0) < 0 && errno == EINTR {}
        program.status.withLock { $0 = code }
        return code
    }

    private static func spawn(
        _ name: String,
        _ arguments: [String],
        _ environment: [String: String],
        _ log: String,
        _ input: Int32
    ) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if input >= 0 {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var variables = inherited().filter { environment[$0.key] == nil }
        variables.merge(environment) { $1 }
        var words = arguments.map { strdup($0) }
        words.append(nil)
        var settings = variables.map { strdup("\($0.key)=\($0.value)") }
        settings.append(nil)
        defer { (words + settings).forEach { free($0) } }
        var pid = pid_t()
        let result = posix_spawnp(&pid, arguments[0], &actions, &attributes, words, settings)
        guard result == 0 else { throw ChaosError("\(name) did not start: \(String(cString: strerror(result)))") }
        return pid
    }

    private static func inherited() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let pointer = next.pointee {
            let parts = String(cString: pointer).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            next = next.advanced(by: 1)
        }
        // What a person has set for their own programs is not meant for these.
        return variables.filter { !$0.key.hasPrefix("MILLPOND_") || $0.key == "MILLPOND_PLANTED_BUG" }
    }
}
